"""The drills of docs/operations.md, line by line: what was lost is there again, from the log, and nobody is told of an alert twice."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from processors.policy import Policy
from streams.demo.running import Running
from streams.kafka.topics import STAGES, state_topic
from streams.replay.folding import fold_records
from streams.supervisor import leashed
from streams.warehouse.compare import ORDER_TABLES, compare_tables, read_tables
from streams.warehouse.connection import open_warehouse
from streams.warehouse.generations import begin, complete
from streams.warehouse.migrations import migrate
from streams.warehouse.sink import RowSink
from tests.conftest import delete_topics, empty
from tests.streams.live_log import BEGIN, DAY, TICK_S, header, last_tick, read_all, send, send_tick, small_log, wait_for_tick

PAGE = Path(__file__).parents[3] / "docs" / "operations.md"
DAYS = 4
LOST = ("nothing", "the disk", "the state", "the warehouse")
TABLES = tuple(table for table in ORDER_TABLES if table != "sensor_chunks")


def drills() -> list[list[str]]:
    section = PAGE.read_text().split("## Backup and restore")[1]
    return [block.strip().splitlines() for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL)]


class Operator:
    """Somebody who types the lines of a drill, in a folder; `rtm up` goes on until something is removed or the next one is typed."""

    def __init__(self, folder: Path, kafka: str) -> None:
        self.folder = folder
        self.settings = {
            "RTM_KAFKA": kafka,
            "RTM_PARTITIONS": "2",
            "RTM_CLOCK": "log",
            "RTM_TICK_S": str(TICK_S),
            "RTM_WORKER_TIMEOUT_S": "3",
        }
        self.up: Running | None = None

    def type(self, line: str) -> None:
        given = dict(re.findall(r"(RTM_\w+)=(\S+)", line))
        words = re.sub(r"RTM_\w+=\S+ ", "", line).replace("$PWD", str(self.folder)).split()
        if words[:2] == ["rtm", "up"]:
            self.stop()
            self.up = Running(self.folder / ".rtm" / "up", self.settings, *words[2:])
            self.up.__enter__()
        elif words[0] == "rtm":
            done = self.call(words[1:], given)
            assert done.returncode == 0, done
        else:
            assert words[0] == "rm"
            self.stop()
            subprocess.run(words, cwd=self.folder, check=True)

    def call(self, words: list[str], given: dict[str, str]) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RTM_")} | self.settings | given
        return subprocess.run(leashed(*words), env=environment, cwd=self.folder, capture_output=True, text=True, timeout=300, check=False)

    def stop(self) -> None:
        if self.up is not None:
            self.up.stop()
            self.up = None


@pytest.fixture
def operator(kafka, tmp_path):
    empty(kafka)
    made = Operator(tmp_path, kafka)
    yield made
    made.stop()


def embedded(path, facts, as_of):
    """The tables of the same facts, folded in this process."""
    with open_warehouse(f"chdb://{path}") as warehouse:
        migrate(warehouse)
        generation = begin(warehouse, "replay", "files")
        sink = RowSink(warehouse, generation)
        for out in fold_records(facts, Policy(tick_s=TICK_S, generation=generation), as_of=as_of):
            sink.add([row for row in out.rows if row.table != "chunk_admissions"])
        sink.flush()
        complete(warehouse, generation)
        return read_tables(warehouse, TABLES)


def test_what_is_lost_comes_back_from_the_log_and_the_log_goes_on(operator, kafka, tmp_path):
    facts = small_log(patients=2, days=DAYS)
    parts = [[fact for fact in facts if (fact.recorded - BEGIN) // DAY == day] for day in range(DAYS)]
    for day, (lost, generation, drill) in enumerate(zip(LOST, (1, 1, 2, 4), [["rtm up"], *drills()], strict=True)):
        if lost == "the state":
            operator.stop()
            delete_topics(kafka, [state_topic("rtm", 1, stage) for stage in STAGES])
        for line in drill:
            if lost == "the warehouse" and " rebuild " in line:
                forgetful = operator.call(["rebuild", "--warehouse", f"chdb://{tmp_path}/.rtm/up/warehouse"], {})
                assert (forgetful.returncode, "run this with RTM_GENERATION=2, else" in forgetful.stderr) == (1, True), forgetful
            operator.type(line)
        send(kafka, parts[day])
        now = last_tick(DAYS) if day == DAYS - 1 else BEGIN + (day + 1) * DAY
        send_tick(kafka, now, partitions=2)
        wait_for_tick(kafka, now, partitions=2, seconds=120, generation=generation)
    operator.type("rtm reconcile --warehouse chdb://$PWD/.rtm/up/warehouse")
    operator.stop()
    with open_warehouse(f"chdb://{tmp_path}/.rtm/up/warehouse") as warehouse:
        ours = read_tables(warehouse, TABLES)
    theirs = embedded(tmp_path / "embedded", facts, last_tick(DAYS))
    differing = {name: (c.only_left[:2], c.only_right[:2]) for name, c in compare_tables(ours, theirs).items() if not c.equal}
    assert differing == {}
    assert ours["sessions"]
    changes = [header(record, "ce_id").split("/", 1)[0] + header(record, "ce_time") for record in read_all(kafka, "rtm.alerts.v1")]
    assert len(set(changes)) == len(changes), "nobody is told of an alert twice"
