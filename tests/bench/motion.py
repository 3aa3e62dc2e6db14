"""How fast motion is, each figure with its reference in the same run. One JSON object a line.

    python tests/bench/motion.py [--rows 200000] [--sessions 100000]

References: the same angle, counter and statistics in C (`motion_reference.c`, built here where gcc is), a copy of the samples (memory
bandwidth). Cold starts run in processes of their own, without and with a numba cache.
"""

import argparse
import ctypes
import gc
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import orjson

ROOT = Path(__file__).parents[2]
T0 = 1_780_000_020_000_000_000
HZ, PERIOD = 50, 20_000_000
CALIBRATION = {"axis_proximal": [0, 1, 0], "axis_distal": [0, 1, 0], "lever_proximal_m": [-0.1, 0, 0], "lever_distal_m": [0.15, 0, 0]}


def figure(name: str, value: float, unit: str, **beside: object) -> None:
    print(orjson.dumps({"figure": name, "value": round(value, 2), "unit": unit, **beside}).decode(), flush=True)


def best(work: Callable[[], object], times: int = 5) -> float:
    """The least CPU time of several runs after a first one, s: others may be at work on this machine."""
    work()
    found = []
    for _ in range(times):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found)


def recordings(rows: int) -> dict[str, np.ndarray]:
    """A knee that bends by 70° every 3 s and trembles: angle, orientations and two IMUs (a thigh at rest, a shank)."""
    rng = np.random.default_rng(1)
    t = np.arange(rows) / HZ
    angle = np.radians(35) * (1 - np.cos(2 * np.pi * t / 3)) + np.radians(0.2) * rng.normal(size=rows)
    rate, bend = np.gradient(angle) * HZ, np.zeros((rows, 8))
    bend[:, 0], bend[:, 4], bend[:, 6] = 1, np.cos(angle / 2), np.sin(angle / 2)
    imus = np.zeros((rows, 12))
    imus[:, 2], imus[:, 6], imus[:, 8], imus[:, 10] = 9.81, -9.81 * np.sin(angle), 9.81 * np.cos(angle), rate
    imus += 0.01 * rng.normal(size=imus.shape)
    kinds = {"angle": np.degrees(angle)[:, None], "gyr3": imus[:, 9:], "quat2": bend, "imu6x2": imus}
    return {kind: np.ascontiguousarray(samples, "<f4") for kind, samples in kinds.items()}


def chunk(kind: str, samples: np.ndarray, seq: int, t0: int, session: str = "s", last: bool = False, calibrated: bool = True) -> object:
    from schemas.codecs import make_fact

    data = {
        "device_id": "d", "session_id": session, "joint": "knee", "motion": "flexion", "side": "left", "seq": seq, "t0_ns": t0,
        "rate_hz": HZ, "kind": kind, "last": last, "samples": samples.tobytes(), "n": len(samples),
    }  # fmt: skip
    if calibrated and kind in {"quat2", "imu6x2"}:
        data["calibration"] = CALIBRATION
    return make_fact("rtm.sensor.chunk.v1", f"p-{session}", "/device", f"{session}-{seq}", t0, data, recorded=t0)


def chunks_of(kind: str, samples: np.ndarray, size: int, session: str = "s") -> list[object]:
    return [chunk(kind, samples[a : a + size], seq, T0 + a * PERIOD, session) for seq, a in enumerate(range(0, len(samples), size))]


def frozen(samples: np.ndarray) -> np.ndarray:
    samples = samples.view()
    samples.flags.writeable = False
    return samples


def kernels(rows: int) -> None:
    from processors.kernels import angle_reps, hinge, twist
    from processors.motion_joint import NO_HISTORY, geometry, given_joint

    samples = {kind: frozen(values) for kind, values in recordings(rows).items()}
    axis, marks = np.array([0.0, 1.0, 0.0]), np.zeros(rows, np.uint8)
    angles, no_marks = np.zeros((rows, 1), np.float32), frozen(np.zeros(0, np.uint8))
    times, values = np.zeros((rows // 2 + 2, 4), np.int64), np.zeros((rows // 2 + 2, 3))
    instants = T0 + np.arange(rows) * PERIOD
    shape = geometry(given_joint(CALIBRATION))
    found = [0]

    def count(piece: slice, state: tuple[np.ndarray, np.ndarray]) -> None:
        first, view = piece.start, frozen(angles[piece])
        found[0] += angle_reps.angle_reps(*state, T0, first, float(PERIOD), view, no_marks, 0, times[found[0] :], values[found[0] :])

    def whole(kind: str) -> None:
        found[0], state = 0, angle_reps.angle_state()
        turned, fused = twist.twist_state(), hinge.hinge_state()
        for first in range(0, rows, 2000):
            piece = slice(first, first + 2000)
            if kind == "quat2":
                twist.twist_angles(turned, samples[kind][piece], axis, 0.0, angles[piece], marks[piece])
            else:
                hinge.hinge_angles(
                    *fused, instants[piece], float(PERIOD), samples[kind][piece], shape, angles[piece], marks[piece], NO_HISTORY
                )
            count(piece, state)

    ours = best(lambda: whole("quat2")) / rows * 1e9
    reference = c_reference(samples["quat2"], axis, found[0], times[: found[0]].copy())
    about: dict[str, object] = {}
    if reference is not None:
        about["reference"] = {"what": "the same in C, gcc -O3 -march=native", "value": round(reference, 2), "unit": "ns"}
        about["ratio"] = round(ours / reference, 2)
    figure("twist_counter_statistics", ours, "ns/sample", rows=rows, repetitions=found[0], **about)
    batch(samples["quat2"])
    joint = best(lambda: whole("imu6x2")) / rows
    figure("two_imu_joint_samples", 1 / joint / 1e6, "M/s", reference={"what": "asked for", "value": 5, "unit": "M/s"})


def batch(samples: np.ndarray) -> None:
    """The batch kernel, the device innermost, beside the sum of the same eight rows: what reading and writing alone takes."""
    from numba import njit

    from processors.kernels.twist_batch import twist_batch

    @njit(fastmath=True)
    def sum_rows(rows: np.ndarray, out: np.ndarray) -> None:
        for i in range(out.shape[0]):
            out[i] = rows[0, i] + rows[1, i] + rows[2, i] + rows[3, i] + rows[4, i] + rows[5, i] + rows[6, i] + rows[7, i]

    wide = np.ascontiguousarray(np.tile(samples, (max(1, 4_000_000 // len(samples)), 1)).T)
    out, axis, n = np.zeros(wide.shape[1], np.float32), np.array([0, 1, 0], np.float32), wide.shape[1]
    floor = best(lambda: sum_rows(wide, out)) / n * 1e9
    ours = best(lambda: twist_batch(wide, axis, out)) / n * 1e9
    reference = {"what": "the sum of the same eight rows", "value": round(floor, 2), "unit": "ns"}
    figure("twist_batch", ours, "ns/sample", reference=reference, ratio=round(ours / floor, 2))


def c_reference(samples: np.ndarray, axis: np.ndarray, reps: int, times: np.ndarray) -> float | None:
    """ns a sample in C, on the same samples; None where there is no gcc. The same repetitions must come out."""
    if shutil.which("gcc") is None:
        return None
    with tempfile.TemporaryDirectory(prefix="rtm-bench-") as folder:
        library = Path(folder) / "reference.so"
        source = Path(__file__).with_name("motion_reference.c")
        subprocess.run(["gcc", "-O3", "-march=native", "-shared", "-fPIC", "-o", library, source, "-lm"], check=True)
        run = ctypes.CDLL(str(library)).run
        run.restype = ctypes.c_int64
        rows = len(samples)
        their_times, their_values = np.zeros((rows // 2 + 2, 4), np.int64), np.zeros((rows // 2 + 2, 3))
        pointer = ctypes.c_void_p

        def work() -> int:
            return run(
                pointer(samples.ctypes.data), ctypes.c_int64(rows), pointer(axis.ctypes.data), ctypes.c_int64(T0), ctypes.c_double(PERIOD),
                pointer(their_times.ctypes.data), pointer(their_values.ctypes.data),
            )  # fmt: skip

        spent = best(work)
        assert work() == reps
        assert np.array_equal(their_times[:reps], times)
    return spent / rows * 1e9


def fold_all(items: list[object]) -> float:
    """Seconds of CPU of a processor for all items."""
    from processors.motion import MotionProcessor
    from processors.policy import Policy
    from processors.processor import Output, Record
    from processors.store import MemoryStore

    processor, out = MotionProcessor(Policy(), MemoryStore()), Output()
    began = time.process_time()
    for position, item in enumerate(items):
        processor.fold(Record(position, item), out)
    spent = time.process_time() - began
    assert out.applied == len(items)
    return spent


def processor(rows: int) -> None:
    samples = recordings(rows)
    for kind in samples:
        spent = min(fold_all(chunks_of(kind, samples[kind], 500)) for _ in range(7))
        asked = {"reference": {"what": "asked for", "value": 3, "unit": "M rows/s"}} if kind == "imu6x2" else {}
        figure("processor_rows", rows / spent / 1e6, "M rows/s", kind=kind, chunk_s=10, **asked)
    curve = {}
    for seconds in (1, 2, 5, 10, 30, 60):
        items = chunks_of("imu6x2", samples["imu6x2"], seconds * HZ)
        curve[str(seconds)] = round(min(fold_all(items) for _ in range(3)) / rows * 1e9, 1)
    figure("processor_by_chunk_length", curve["60"], "ns/sample", kind="imu6x2", by_seconds=curve)


def open_sessions(most: int) -> None:
    """The cost of the third and fourth chunk of each session, the sessions in turn; with cycles collected as Python does and seldom."""
    samples = recordings(4 * 10 * HZ)["angle"]
    curves: dict[str, dict[str, float]] = {}
    for how in ("gc as Python has it", "gc seldom"):
        usual = gc.get_threshold()
        if how == "gc seldom":
            gc.freeze()
            gc.set_threshold(50_000, *usual[1:])
        curve = curves[how] = {}
        for sessions in sorted({10, 100, 1000, 10_000, most}):
            spent = [steady(samples, sessions) for _ in range(max(1, 3000 // sessions))]
            curve[str(sessions)] = round(median(spent) / (sessions * 1000) * 1e9, 1)
        gc.set_threshold(*usual)
        gc.unfreeze()
    best_curve = curves["gc seldom"]
    ratio = best_curve[str(most)] / best_curve["10"]
    figure(
        *("processor_by_open_sessions", best_curve[str(most)], "ns/sample"),
        kind="angle", chunk_s=10, ratio=round(ratio, 2), reference={"what": "asked for, to 10 sessions", "ratio": 1.25}, by_sessions=curves,
    )  # fmt: skip


def steady(samples: np.ndarray, sessions: int) -> float:
    """Seconds of CPU for the last two of four chunks of each session, in batches of ten: what is told of them leaves memory alike."""
    from processors.motion import MotionProcessor
    from processors.policy import Policy
    from processors.processor import Output, Record
    from processors.store import MemoryStore

    processor, spent = MotionProcessor(Policy(), MemoryStore()), 0.0
    for part in range(4):
        piece = samples[part * 10 * HZ : (part + 1) * 10 * HZ]
        for first in range(0, sessions, 10):
            names = range(first, first + 10)
            records = [Record(n, chunk("angle", piece, part, T0 + part * 10 * HZ * PERIOD, f"s{n}")) for n in names]
            out = Output()
            began = time.process_time()
            for record in records:
                processor.fold(record, out)
            spent += (time.process_time() - began) * (part >= 2)
            assert out.applied == len(records)
    return spent


def state_size() -> None:
    """Bytes of an open session's state after a minute; the chunks it holds are blobs of their own."""
    from processors.motion import MotionProcessor
    from processors.policy import Policy
    from processors.processor import Output, Record
    from processors.store import MemoryStore

    sizes = {}
    for kind, samples in recordings(60 * HZ).items():
        for calibrated in (True, False):
            store, out = MemoryStore(), Output()
            processor = MotionProcessor(Policy(), store)
            for seq, first in enumerate(range(0, len(samples), 500)):
                processor.fold(Record(seq, chunk(kind, samples[first : first + 500], seq, T0 + first * PERIOD, calibrated=calibrated)), out)
            processor.save()
            sizes[f"{kind}{'' if calibrated else ', self-calibrated'}"] = max(len(v) for key, v in store.blobs.items() if key[:2] == b"s/")
    figure("state_of_an_open_session", max(sizes.values()), "bytes", reference={"what": "asked for", "value": 4096}, by_kind=sizes)


def final_passes() -> None:
    """CPU of the last chunk of a session of a minute, with the final pass, beside one without."""
    samples = recordings(60 * HZ)
    for kind, calibrated in (("gyr3", True), ("imu6x2", True), ("imu6x2", False)):
        spent = {most: best(partial(fold_session, samples[kind], kind, most, calibrated), 3) for most in (1 << 20, 0)}
        figure("final_pass_of_a_minute", (spent[1 << 20] - spent[0]) * 1e3, "ms", kind=kind, calibrated=calibrated)


def fold_session(samples: np.ndarray, kind: str, final_pass_bytes: int, calibrated: bool) -> None:
    from processors.motion import MotionProcessor
    from processors.policy import Policy
    from processors.processor import Output, Record
    from processors.store import MemoryStore

    processor = MotionProcessor(Policy(final_pass_bytes=final_pass_bytes), MemoryStore())
    for seq, first in enumerate(range(0, len(samples), 500)):
        last = first + 500 >= len(samples)
        item = chunk(kind, samples[first : first + 500], seq, T0 + first * PERIOD, last=last, calibrated=calibrated)
        processor.fold(Record(seq, item), Output())


def cold(kind: str, cache: Path) -> dict[str, float]:
    """Seconds of a new process to its first chunk's end: CPU, and by the clock."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(ROOT)}
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, __file__, "--first-chunk", kind], check=True, env=environment)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - began
    return {"cpu": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 2), "wall": round(wall, 2)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--sessions", type=int, default=100_000)
    parser.add_argument("--first-chunk", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.first_chunk:
        kind = options.first_chunk
        fold_all(chunks_of(kind, recordings(1000)[kind], 500))
        return
    kernels(options.rows)
    processor(options.rows)
    open_sessions(options.sessions)
    state_size()
    final_passes()
    for kind in ("angle", "gyr3", "quat2", "imu6x2"):
        with tempfile.TemporaryDirectory(prefix="rtm-bench-") as folder:
            without, cached = cold(kind, Path(folder)), cold(kind, Path(folder))
            aims = {"what": "asked for", "without": 5, "with_cache": 1}
            figure("cold_start", without["cpu"], "s CPU", kind=kind, wall=without["wall"], with_cache=cached, reference=aims)


if __name__ == "__main__":
    main()
