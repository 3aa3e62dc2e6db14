"""How much faster two processes replay than one: the same file of reports, without the warehouse, one after the other, in pairs.

One JSON object a figure; the reference is the run by one process beside it. Wall time from the survey to the last row, the start of the
processes included.

    python tests/bench/jobs.py [--patients 500] [--days 30] [--pairs 3]
"""

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent))

from replay import TICK_S, figure, write_reports

import streams.replay.files
from processors.policy import Policy
from streams.warehouse.connection import open_warehouse
from streams.warehouse.migrations import migrate
from streams.warehouse.sink import Encoded, RowSink


class Nowhere(RowSink):
    """A sink that throws away what it gets."""

    def add_encoded(self, encoded: Encoded) -> None:
        """Throw it away."""


def children_s() -> float:
    """CPU seconds of the processes that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--patients", type=int, default=500)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--pairs", type=int, default=3)
    options = parser.parse_args()
    streams.replay.files.RowSink = Nowhere  # type: ignore[misc]
    with tempfile.TemporaryDirectory(prefix="rtm-bench-") as folder, open_warehouse(f"chdb://{folder}/warehouse") as warehouse:
        migrate(warehouse)
        path = Path(folder) / "reports.jsonl"
        facts = write_reports(path, options.patients, options.days)
        pairs, cpu = [], {}
        for _ in range(options.pairs):
            runs = []
            for jobs in (1, 2):
                began = time.process_time(), children_s()
                runs.append(streams.replay.files.replay([path], warehouse, policy=Policy(tick_s=TICK_S), jobs=jobs))
                cpu[jobs] = (time.process_time() - began[0], children_s() - began[1])
            assert runs[0].rows == runs[1].rows
            pairs.append([run.seconds for run in runs])
    one, two = (median(column) for column in zip(*pairs, strict=True))
    about = {"patients": options.patients, "days": options.days, "facts": facts, "pairs": options.pairs}
    reference = {"what": "one process", "value": round(facts / one), "unit": "facts/s"}
    figure("replay_two_jobs_facts_per_s", facts / two, "facts/s", reference=reference, **about)
    figure("replay_two_jobs_speedup", median(pair[0] / pair[1] for pair in pairs), "times one process", **about)
    main_s, lanes_s = cpu[2]
    busiest = {"what": "CPU of the whole by one process", "value": round(cpu[1][0], 2), "unit": "s"}
    figure("replay_two_jobs_cpu", max(main_s, lanes_s / 2), "CPU s of the busier of reading and a lane", reference=busiest, **about)


if __name__ == "__main__":
    main()
