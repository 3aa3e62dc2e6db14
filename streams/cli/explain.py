"""`rtm explain`: a patient's facts out of the warehouse, the rows of a day explained by `processors.explain`, as text or JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
import orjson

from schemas.instants import parse_day, parse_instant
from streams.cli.warehouse_option import WrongUse, warehouse_option
from streams.terminal import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from processors.explain import Explanation
    from processors.explain_facts import Story, Told
    from schemas.facts import Fact
    from streams.warehouse.connection import Warehouse

MOST = 12
"""So many facts are shown of a list; --json has them all."""
FACTS = """
SELECT type, source, event_id, event_time, recorded_time, data, attributes FROM rtm.events WHERE patient_id = {patient:String}
ORDER BY recorded_time, event_time, source, event_id
"""
NOW = """
SELECT max(issued_at) AS now FROM
(
    SELECT issued_at FROM rtm.events WHERE patient_id = {patient:String}
    UNION ALL SELECT max(issued_at) AS issued_at FROM rtm.adherence_window
)
"""


def read_facts(warehouse: Warehouse, patient: str) -> list[Fact]:
    """The patient's admitted facts, from the view `events`."""
    from schemas.codecs import make_fact  # noqa: PLC0415 - the help needs none of it

    facts = []
    for row in warehouse.query(FACTS, {"patient": patient}).records():
        attributes = orjson.loads(row["attributes"])
        fact = make_fact(
            row["type"],
            patient,
            row["source"],
            row["event_id"],
            parse_instant(row["event_time"]),
            orjson.loads(row["data"]),
            recorded=parse_instant(row["recorded_time"]),
            clinic=attributes.get("clinicid"),
            derived=True,
        )
        fact.attributes = attributes
        facts.append(fact)
    return facts


@click.command()
@click.argument("patient")
@click.argument("date")
@click.argument("table", required=False)
@warehouse_option
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON object.")
def explain(patient: str, date: str, table: str | None, warehouse: str, *, as_json: bool) -> None:
    """Say why the rows of PATIENT on DATE (his local date, YYYY-MM-DD) say what they say; with TABLE those of one table.

    For each row: the rule with its numbers, the facts that it counts, and those that it doesn't, with the reason. Billing is told of the
    period and the month that the date lies in.

    \b
    Examples:
      rtm explain demo-01 2026-03-09
      rtm explain demo-01 2026-03-09 adherence_daily
      rtm explain demo-01 2026-03-09 billing_periods --json
    """
    from processors.explain import EXPLAINED, NothingKnownError  # noqa: PLC0415
    from processors.explain import explain as explained  # noqa: PLC0415
    from streams.settings import load_settings  # noqa: PLC0415
    from streams.warehouse.connection import WarehouseError, open_warehouse  # noqa: PLC0415

    try:
        day = parse_day(date)
    except ValueError as error:
        raise WrongUse(f"DATE: {error}") from None
    if table is not None and table not in EXPLAINED:
        raise WrongUse(f"TABLE: can explain {', '.join(EXPLAINED)}")
    policy = load_settings().policy()
    try:
        with open_warehouse(warehouse, read_only=True) as opened:
            facts = read_facts(opened, patient)
            now = opened.query(NOW, {"patient": patient}).records()[0]["now"]
    except WarehouseError as error:
        raise click.ClickException(str(error)) from None
    if not facts:
        raise click.ClickException("this warehouse has no facts of such a patient")
    try:
        found = explained(facts, parse_instant(now), day, EXPLAINED if table is None else (table,), policy)
    except NothingKnownError as error:
        raise click.ClickException(str(error)) from None
    if not found.elsewhere and (found.episode_id is None or found.after_today):
        raise click.ClickException(f"nothing is known of that date: it is {found.status.split(':')[0]}")
    if as_json:
        click.echo(orjson.dumps(asdict(found)).decode())
        return
    for line in text_of(found, table):
        click.echo(one_line(line))


def text_of(found: Explanation, table: str | None = None) -> Iterator[str]:
    """An explanation as lines of text."""
    yield f"{found.patient_id} on {found.local_date} ({found.timezone}), episode {found.episode_id or 'none'}"
    yield f"As of {found.now}, the newest that the warehouse issued."
    yield f"The day began {found.begins}; it is over from {found.over_from} on: {found.status}."
    yield from ("", "Plans")
    for plan in found.plans:
        state, fact = "in force" if plan.in_force else "not in force", plan.fact
        yield f"  {state}: {plan.plan_id} version {plan.version}, {plan.why} ({fact.source}#{fact.id})"
    if not found.plans:
        yield "  none had begun"
    for story in found.rows:
        yield ""
        yield from _story(story)
    if not found.rows:
        yield from ("", f"No rows{f' of {table}' if table else ''} on this day.")
    if found.elsewhere:
        yield ""
        yield from _facts("On this day, counted nowhere", found.elsewhere, "")


def _story(story: Story) -> Iterator[str]:
    values = ((name, value) for name, value in story.row.items() if name not in {"patient_id", "clinic_id", "evidence"})
    yield f"{story.table}: " + ", ".join(f"{name} {_text(value)}" for name, value in values)
    for rule in story.rule:
        yield f"  {rule}"
    yield from _facts("counted", story.counted, "  ")
    yield from _facts("not counted", story.not_counted, "  ")


def _facts(title: str, facts: Sequence[Told], margin: str) -> Iterator[str]:
    if not facts:
        return
    yield f"{margin}{title}"
    for told in facts[:MOST]:
        yield f"{margin}  {told.local_time}  {told.type[4:-3]}  {told.source}#{told.id}  {told.what}"
    if len(facts) > MOST:
        yield f"{margin}  … and {len(facts) - MOST} more (--json has all)"


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value or "''"
    return orjson.dumps(value).decode() if value is None or isinstance(value, bool | list) else f"{value:.6g}"
