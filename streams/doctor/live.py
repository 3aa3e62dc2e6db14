"""How the live path stands: Kafka, its topics, and the state of the workers' group. Findings out; nothing is made or changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from processors.shelf import VERSION, NewerStateError
from streams.doctor.finding import Finding, ok
from streams.kafka.jars import KafkaError
from streams.kafka.topics import STAGES, Declared, compare, state_topic
from streams.kafka.writing import hush
from streams.settings import SettingsError
from streams.worker.progress import newest_progress

if TYPE_CHECKING:
    from streams.settings import Settings


def check_live(settings: Settings) -> list[Finding]:
    """Kafka and all that lies in it. A Kafka that nobody named, and that doesn't answer, is a warning: replays need none."""
    hush()
    try:
        found = compare(settings.kafka, settings.partitions, settings.group, settings.generation)
    except SettingsError as error:
        return [Finding("kafka", "fail", f"not looked at: {error}", "mend the setting first")]
    except KafkaError as error:
        said, _, remedy = str(error).partition(": ")
        return [Finding("kafka", "fail" if "kafka" in settings.model_fields_set else "warn", said, remedy)]
    return [ok("kafka", f"answers at {settings.kafka}"), *_topics(found), *_state(settings, found)]


def _topics(found: Declared) -> list[Finding]:
    if not found.partitions:
        return [Finding("topics", "warn", "none of them is there", "rtm topics makes them")]
    findings = [
        Finding("topics", "fail", f"{each.topic}: {each.setting} is {each.found}, must be {each.wanted}", each.remedy)
        for each in found.differences
    ]
    if found.missing:
        findings.append(Finding("topics", "fail", f"missing: {', '.join(found.missing)}", "rtm topics makes them"))
    return findings or [ok("topics", f"{len(found.partitions)} as they should be")]


def _state(settings: Settings, found: Declared) -> list[Finding]:
    findings = []
    for stage in STAGES:
        topic = state_topic(settings.group, settings.generation, stage)
        if topic not in found.partitions:
            continue
        progress = newest_progress(settings.kafka, topic)
        newer = [number for number, each in progress.items() if isinstance(each, NewerStateError)]
        if newer:
            said = f"partitions {newer} were written by a newer rtm than this (state version {VERSION})"
            findings.append(Finding(f"state of {stage}", "fail", said, "upgrade, or fold the log anew: rtm rebuild"))
        else:
            begun = sum(each is not None for each in progress.values())
            findings.append(ok(f"state of {stage}", f"version {VERSION}, {begun} of {len(progress)} partitions begun"))
    return findings
