"""`python -m tests.campaign`: a fault campaign on this machine, its schedule by a seed; exit 1 when anything differs in the end."""

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

import orjson

from streams.kafka.writing import hush
from tests.campaign.run import campaign


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument("--seed", type=int, help="the same seed has the same schedule and the same events; by default a new one, printed")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--patients", type=int, default=40)
    parser.add_argument("--days", type=int, default=60, help="simulated days; they keep events flowing")
    parser.add_argument("--short", action="store_true", help="kills and one freeze, as the test has it")
    small = "the second worker's state on a tmpfs of 256 KiB, the warehouse's disk full for 20 s; needs root"
    parser.add_argument("--full-disk", action="store_true", help=small)
    parser.add_argument("--keep", type=Path, help="a new folder that stays, with logs and tables")
    options = parser.parse_args()
    seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    hush()
    with tempfile.TemporaryDirectory(prefix="rtm-campaign-") as name:
        folder = options.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        verdict = campaign(
            folder, seed, options.kills, patients=options.patients, days=options.days, short=options.short,
            full_disk=options.full_disk, say=lambda line: print(line, flush=True),
        )  # fmt: skip
    print(orjson.dumps({"seed": seed} | verdict.summary(), option=orjson.OPT_NON_STR_KEYS).decode())
    return 1 if verdict.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
