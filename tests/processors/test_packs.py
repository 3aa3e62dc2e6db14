"""Packs are data: each entry says where it is from, a wrong one is refused, and another billing year is one more file."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from pydantic import TypeAdapter, ValidationError

from processors.packs import BillingPack, Entry, McidPack, alert_rules, billing_pack_on, billing_packs, mcid_pack
from processors.packs.alerts import Overrides, RuleBook, RulePack
from schemas.instants import parse_day

ROOT = Path(__file__).parents[2]
BILLING = orjson.loads((ROOT / "processors" / "packs" / "billing_2026.json").read_bytes())
FOLD = """
import orjson
from processors.patient import PatientProcessor
from processors.policy import Policy
from processors.processor import Output, Record, Tick
from processors.store import MemoryStore
from schemas.codecs import make_fact
from schemas.instants import SECOND, format_instant, parse_instant

out, processor = Output(), PatientProcessor(Policy(), MemoryStore())
began = parse_instant("2026-12-06T12:00:00Z")
enrolled = {"episode_id": "E1", "timezone": "UTC", "monitoring_start": "2026-12-06", "therapeutic_area": "respiratory",
    "clinic_id": "c", "therapist_id": "t"}
facts = [make_fact("rtm.patient.enrolled.v1", "P", "/a", "e", began, enrolled)]
facts += [make_fact("rtm.report.pain.v1", "P", "/a", f"p{d}", began + d * 86_400 * SECOND, {"nrs": 3}) for d in range(40)]
for position, item in enumerate([*facts, Tick(began + 41 * 86_400 * SECOND)]):
    processor.fold(Record(position, item), out)
processor.flush(out)
rows = {row.values["period_start"]: row.values for row in out.rows if row.table == "billing_periods"}
print(orjson.dumps({start: [row["rules"], row["candidate_codes"]] for start, row in rows.items()}).decode())
"""


def entries(pack: object) -> list[Entry]:
    found = []
    for value in vars(pack).values():
        for item in value if isinstance(value, list) else [value]:
            found += [item] if isinstance(item, Entry) else []
    return found


@pytest.mark.parametrize("pack", billing_packs(), ids=lambda pack: pack.pack)
def test_every_entry_says_its_source_and_how_sure_it_is(pack):
    assert len(entries(pack)) >= 1
    assert all(entry.source and entry.certainty for entry in entries(pack))
    assert all(entry.source and entry.certainty for entry in mcid_pack().values())


def test_every_alert_rule_says_its_source_how_sure_it_is_and_is_named_after_what_it_looks_for():
    for rule in alert_rules().rules:
        assert rule.source
        assert rule.certainty
        assert rule.rule == rule.condition.kind


RULE = orjson.loads((ROOT / "processors" / "packs" / "alert_rules_1.json").read_bytes())


@pytest.mark.parametrize(
    "wrong",
    [
        {"source": ""},
        {"certainty": "sure"},
        {"levels": []},
        {"levels": [{"at": 4, "severity": "urgent"}, {"at": 2, "severity": "warning"}]},
        {"levels": [{"at": 2, "severity": "urgent"}, {"at": 4, "severity": "warning"}]},
        {"condition": {"kind": "unheard_of"}},
        {"yields_to": ["unheard_of"]},
        {"cool_down_days": -1},
        {"extra": 1},
    ],
)
def test_a_pack_with_a_wrong_rule_is_refused(wrong):
    with pytest.raises(ValidationError):
        RulePack.model_validate_json(orjson.dumps({**RULE, "rules": [{**RULE["rules"][0], **wrong}]}))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"unheard_of": {}}, "rules.unheard_of: no such rule; there are"),
        ({"low_volume": {"condition": {"below": 2}}}, "rules.low_volume.condition.below: "),
        ({"low_volume": {"condition": {"kind": "silence"}}}, "rules.low_volume.condition.kind: a rule's kind can't be changed"),
        (
            {"missed_days": {"levels": [{"at": 4, "severity": "urgent"}, {"at": 2, "severity": "info"}]}},
            "rules.missed_days: levels must rise",
        ),
    ],
)
def test_an_override_that_does_not_fit_is_told_by_its_place(changes, told):
    for overrides in ({"name": "n", "rules": changes}, {"name": "n", "clinics": {"c": {"rules": changes}}}):
        with pytest.raises(ValueError, match=re.escape(told)):
            RuleBook(alert_rules(), Overrides.model_validate(overrides))


def test_a_clinics_override_lies_over_that_for_all_and_leaves_other_rules_alone():
    everywhere = {"silence": {"cool_down_days": 5, "snooze_h": 2}}
    north = {"north": {"rules": {"silence": {"snooze_h": 3}, "over_doing": {"enabled": False}}}}
    book = RuleBook(alert_rules(), Overrides.model_validate({"name": "n1", "rules": everywhere, "clinics": north}))
    here, there = ({x.name: x for x in book.of(clinic)} for clinic in ("north", "south"))
    assert (here["silence"].rule.cool_down_days, here["silence"].rule.snooze_h) == (5, 3)
    assert (there["silence"].rule.cool_down_days, there["silence"].rule.snooze_h) == (5, 2)
    assert "over_doing" in there
    assert "over_doing" not in here
    assert here["silence"].version == f"alert_rules_1/1+{book.mark}"
    assert here["pain_flare"].version == "alert_rules_1/1"


def test_billing_codes_are_not_told_as_read_at_the_source():
    assert {entry.certainty for pack in billing_packs() for entry in entries(pack)} == {"secondary"}


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("in_force_from", "2026-02-30"),
        ("setup", {"code": "98975", "at_least_data_days": 2}),
        ("supply", [{"therapeutic_area": "x"}]),
        ("pack", 2026),
        ("pack", ""),
        ("supply", BILLING["supply"][:2]),
        ("supply", [*BILLING["supply"][:2], BILLING["supply"][0]]),
        ("data_days", {**BILLING["data_days"], "few": 17}),
        ("management", {**BILLING["management"], "short_minutes": 30}),
        ("unheard_of", 1),
    ],
)
def test_a_pack_with_a_wrong_or_unsourced_entry_is_refused(where, value):
    with pytest.raises(ValidationError):
        TypeAdapter(BillingPack).validate_python({**BILLING, where: value})


def test_an_mcid_must_be_positive_and_sourced():
    entry = {"measure": "ODI", "value": 10, "higher_is_better": False, "source": "s", "certainty": "memory"}
    assert McidPack.model_validate({"pack": "1", "what": "w", "entries": [entry]})
    for wrong in ({"value": 0}, {"source": ""}, {"certainty": "sure"}, {"extra": 1}):
        with pytest.raises(ValidationError):
            McidPack.model_validate({"pack": "1", "what": "w", "entries": [{**entry, **wrong}]})


def test_no_rules_are_in_force_before_the_first_pack():
    assert billing_pack_on(parse_day("2025-12-31")) is None
    first = billing_pack_on(parse_day("2026-01-01"))
    assert first is not None
    assert first.pack == "2026"


def run_with_a_second_year(folder, arguments, **changes):
    for name in ("processors", "schemas", "streams"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    later = {**BILLING, "pack": "2027", "in_force_from": "2027-01-01", **changes}
    (folder / "processors" / "packs" / "billing_2027.json").write_bytes(orjson.dumps(later))
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run([sys.executable, "-c", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"data_days": {**BILLING["data_days"], "many": "x"}}, "billing_2027.json: data_days.many: "),
        ({"supply": BILLING["supply"][:2]}, "billing_2027.json: the pack: supply must have one entry for each therapeutic area"),
        ({"in_force_from": "2026-01-01"}, "two billing packs, 2026 and 2027, begin on the same date"),
    ],
)
def test_a_year_that_does_not_fit_is_told_before_anything_is_folded(tmp_path, changes, told):
    (tmp_path / "empty.jsonl").touch()
    done = run_with_a_second_year(tmp_path, ["from streams.cli import main; main()", "replay", "empty.jsonl"], **changes)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert told in done.stderr


def test_a_second_year_is_one_more_file_and_the_periods_first_day_picks_it(tmp_path):
    supply = [{**rule, "many": "M2027", "few": "F2027"} for rule in BILLING["supply"]]
    done = run_with_a_second_year(tmp_path, [FOLD], supply=supply)
    assert done.returncode == 0, done.stderr
    assert orjson.loads(done.stdout) == {"2026-12-06": ["2026", ["98976"]], "2027-01-05": ["2027", ["F2027"]]}
