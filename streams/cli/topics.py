"""`rtm topics`: the topics of the contract on the cluster that RTM_KAFKA names; out comes a line a topic, and what differs."""

from __future__ import annotations

import logging

import click
import orjson

from streams.kafka.topics import Declared, declare
from streams.settings import load_settings


@click.command()
@click.option("--partitions", type=click.IntRange(1), help="Partitions of a topic that is made; else RTM_PARTITIONS, 32.")
@click.option("--json", "as_json", is_flag=True, help="One object a line, a line a topic.")
def topics(partitions: int | None, as_json: bool) -> int:
    """Make the topics that are missing, and tell what differs on those that are there. Nothing that is there is changed.

    Exit status 1 when something differs.

    \b
    Examples:
      rtm topics
      RTM_KAFKA=kafka.clinic:9092 rtm topics --partitions 64 --json
    """
    settings = load_settings()
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    declared = declare(settings.kafka, partitions or settings.partitions, settings.group, settings.generation)
    lines = _json_lines(declared) if as_json else _lines(declared, settings.kafka)
    for line in lines:
        click.echo(line)
    return 1 if declared.differences else 0


def _state(declared: Declared, name: str) -> str:
    if name in declared.made:
        return "made"
    return "differs" if any(difference.topic == name for difference in declared.differences) else "as it should be"


def _lines(declared: Declared, bootstrap: str) -> list[str]:
    lines = []
    for name, partitions in declared.partitions.items():
        lines.append(f"{name}: {_state(declared, name)}, {partitions} partition{'' if partitions == 1 else 's'}")
        differences = [difference for difference in declared.differences if difference.topic == name]
        lines += [f"  {each.setting} is {each.found}, must be {each.wanted}: {each.remedy}" for each in differences]
    differing = len({difference.topic for difference in declared.differences})
    lines.append(f"{bootstrap}: {len(declared.made)} made, {differing} differ, of {len(declared.partitions)} topics")
    return lines


def _json_lines(declared: Declared) -> list[str]:
    rows = [
        {
            "topic": name,
            "state": _state(declared, name).replace(" ", "_"),
            "partitions": partitions,
            "differences": [
                {"setting": each.setting, "found": each.found, "wanted": each.wanted, "remedy": each.remedy}
                for each in declared.differences
                if each.topic == name
            ],
        }
        for name, partitions in declared.partitions.items()
    ]
    return [orjson.dumps(row).decode() for row in rows]
