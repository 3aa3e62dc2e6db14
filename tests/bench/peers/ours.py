"""The small job as a stage of ours: slices, checkpoints, state; `python -m tests.bench.peers.ours TOPIC`, the rest by RTM_* settings."""

import sys

import orjson

from processors.processor import Output, Record, Row, Tick
from processors.topology import Stage
from streams.heap import giving_back, one_heap
from streams.settings import load_settings
from streams.worker.slices import SLICE_RECORDS
from streams.worker.worker import run_worker
from tests.bench.peers import job


class SmallJob:
    """A processor: reps by day of each patient."""

    waiting = None

    def __init__(self, _policy, store) -> None:
        self._store = store
        self._touched: dict[str, dict[str, int]] = {}

    def fold(self, record: Record, out: Output) -> None:
        fact = record.item
        if isinstance(fact, Tick):
            return
        patient = fact.subject
        days = self._touched.get(patient)
        if days is None:
            blob = self._store.get(patient.encode())
            days = self._touched[patient] = {} if blob is None else orjson.loads(blob)
        out.rows.append(Row("adherence_daily", patient, job.added(days, patient, *job.said(fact))))
        out.applied += 1

    def flush(self, out: Output, *, ticks: bool = True) -> None:
        pass

    def work(self, out: Output) -> bool:
        return False

    def put_off(self) -> None:
        pass

    def save(self) -> None:
        for patient, days in self._touched.items():
            self._store.put(patient.encode(), orjson.dumps(days))
        self._touched.clear()


if __name__ == "__main__":
    one_heap()
    stage = Stage("small", sys.argv[1], ("rtm.metrics.v1",), SmallJob, patients=SLICE_RECORDS, kernels=True)  # a few bytes each
    with giving_back():
        run_worker(load_settings(), lambda line: print(line, flush=True), stages=(stage,))
