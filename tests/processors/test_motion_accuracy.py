"""How many of the repetitions of real recordings are found: SPAR (seglearn's watch data), 140 sets of 20, one parameter set for all.

`python -m tests.processors.test_motion_accuracy` prints the tables of docs/motion.md.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from tests.processors.test_motion import HZ, T0, chunk, fold, reps, sessions

REPS = 20
CHUNK_ROWS = 10 * HZ


@cache
def spar():
    """(exercise, subject, repetitions found) of each set, through the whole stage in chunks of 10 s, closed by its last chunk."""
    datasets = pytest.importorskip("seglearn.datasets", reason="the SPAR recordings come with the `demo` extra")
    data = datasets.load_watch()
    found = []
    for recording, label, subject in zip(data["X"], data["y"], data["subject"], strict=True):
        edges = range(0, len(recording), CHUNK_ROWS)
        chunks = [
            chunk(
                n,
                recording[first : first + CHUNK_ROWS, 3:],
                T0 + n * 10**10,
                kind="gyr3",
                last=first == edges[-1],
                recorded=T0 + (n + 1) * 10**10,
            )
            for n, first in enumerate(edges)
        ]
        out = fold(chunks)
        (session,) = sessions(out)
        assert session.data.reps == len(reps(out))
        found.append((data["y_labels"][label], int(subject), session.data.reps))
    return found


def shares(rows):
    off = np.array([reps - REPS for _, _, reps in rows])
    return len(off), float(np.mean(off == 0)), float(np.mean(abs(off) <= 1)), float(np.mean(abs(off)))


def test_of_six_exercises_four_sets_in_five_are_exact_and_nearly_all_within_one():
    _, exact, within_one, _ = shares([row for row in spar() if row[0] != "ROW"])
    assert exact >= 0.80
    assert within_one >= 0.95


def test_no_set_is_missed():
    assert len(spar()) == 140
    assert all(reps >= 10 for _, _, reps in spar())


def main() -> None:
    rows = spar()
    groups = [(name, [row for row in rows if row[0] == name]) for name in dict.fromkeys(sorted(name for name, _, _ in rows))]
    groups += [("six without ROW", [row for row in rows if row[0] != "ROW"]), ("all", rows)]
    print("| exercise | sets | exact | within ±1 | mean error, reps |\n|---|---|---|---|---|")
    for name, group in groups:
        print("| {} | {} | {:.0%} | {:.1%} | {:.2f} |".format(name, *shares(group)))
    print("\n| subject | sets | exact | within ±1 | mean error, reps |\n|---|---|---|---|---|")
    for subject in sorted({subject for _, subject, _ in rows}):
        print("| {} | {} | {:.0%} | {:.1%} | {:.2f} |".format(subject, *shares([r for r in rows if r[1] == subject and r[0] != "ROW"])))


if __name__ == "__main__":
    main()
