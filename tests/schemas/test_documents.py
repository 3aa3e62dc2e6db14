import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from jsonschema import Draft7Validator, Draft202012Validator

from schemas.documents import asyncapi, json_schema
from schemas.events import CHUNK, EVENT_MODELS
from schemas.rows import TABLES
from schemas.topics import EVENTS, SENSOR, TOPICS
from streams.cli.schema import schema as schema_command
from tests.schemas.strategies import EXAMPLES

ASYNCAPI = asyncapi()
JSON_SCHEMA = json_schema()
OFFICIAL = Path(__file__).parent / "asyncapi-3.0.0.schema.json"


def references(value):
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def resolve(document, reference):
    for part in reference.removeprefix("#/").split("/"):
        document = document[part]
    return document


def test_the_json_schema_is_one_and_every_reference_in_it_leads_somewhere():
    Draft202012Validator.check_schema(JSON_SCHEMA)
    assert all(resolve(JSON_SCHEMA, reference) for reference in references(JSON_SCHEMA))


@pytest.mark.parametrize("event_type", EVENT_MODELS)
def test_every_example_is_valid_by_the_json_schema(event_type):
    Draft202012Validator(JSON_SCHEMA).validate(EXAMPLES[event_type])


@pytest.mark.parametrize(
    ("event_type", "data"),
    [
        ("rtm.report.pain.v1", {"nrs": 14}),
        ("rtm.report.pain.v1", {}),
        ("rtm.report.exercise.v1", {**EXAMPLES["rtm.report.exercise.v1"]["data"], "reps_completed": 2.5}),
        (CHUNK, {**EXAMPLES[CHUNK]["data"], "samples": [[1]]}),
        (CHUNK, {**EXAMPLES[CHUNK]["data"], "seq": -1}),
        (CHUNK, {name: value for name, value in EXAMPLES[CHUNK]["data"].items() if name != "n"}),
    ],
)
def test_the_json_schema_refuses_what_the_models_refuse(event_type, data):
    assert not Draft202012Validator(JSON_SCHEMA).is_valid({**EXAMPLES[event_type], "data": data})


def test_the_json_schema_has_a_described_column_for_every_column_of_every_table():
    for table in TABLES.values():
        row = JSON_SCHEMA["$defs"][table.model.__name__]
        assert list(row["properties"]) == list(table.columns)
        assert all(column["description"] for column in row["properties"].values())


def test_the_asyncapi_document_is_valid_by_the_official_schema():
    official = Draft7Validator(json.loads(OFFICIAL.read_text(encoding="utf-8")))
    assert [error.message for error in official.iter_errors(ASYNCAPI)] == []
    assert not official.is_valid({**ASYNCAPI, "channels": {"x": {"address": 5}}})


def test_every_reference_in_the_asyncapi_document_leads_somewhere():
    found = list(references(ASYNCAPI))
    assert found
    assert all(resolve(ASYNCAPI, reference) for reference in found)


def test_every_topic_is_a_channel_and_every_event_type_a_message_of_one():
    assert {channel["address"] for channel in ASYNCAPI["channels"].values()} == {topic.name for topic in TOPICS}
    messages = {
        ASYNCAPI["components"]["messages"][name]["name"]
        for channel in ("sensor", "events")
        for name in ASYNCAPI["channels"][channel]["messages"]
    }
    assert messages == set(EVENT_MODELS)


def test_an_operation_speaks_only_of_messages_of_its_channel():
    for operation in ASYNCAPI["operations"].values():
        channel = operation["channel"]["$ref"]
        assert all(message["$ref"].startswith(channel + "/messages/") for message in operation.get("messages", []))


@pytest.mark.parametrize("event_type", [event_type for event_type in EVENT_MODELS if event_type != CHUNK])
def test_the_example_of_a_message_fits_its_own_schemas(event_type):
    message = ASYNCAPI["components"]["messages"][event_type.removeprefix("rtm.").removesuffix(".v1")]
    (example,) = message["examples"]
    for part in ("headers", "payload"):
        Draft202012Validator({**message[part], "components": ASYNCAPI["components"]}).validate(example[part])


def test_topics_are_as_the_contract_has_them():
    assert {topic.name: topic.config["retention.ms"] for topic in TOPICS} == {
        "rtm.sensor.v1": str(7 * 86_400_000),
        "rtm.events.v1": "-1",
        "rtm.metrics.v1": str(30 * 86_400_000),
        "rtm.alerts.v1": str(30 * 86_400_000),
        "rtm.deliveries.v1": str(30 * 86_400_000),
        "rtm.dead-letters.v1": str(30 * 86_400_000),
    }
    assert all(topic.config["message.timestamp.type"] == "LogAppendTime" for topic in TOPICS)
    assert all(topic.config["cleanup.policy"] == "delete" for topic in TOPICS)
    assert SENSOR.keyed_by_patient
    assert EVENTS.keyed_by_patient


@pytest.mark.parametrize(("arguments", "document"), [([], JSON_SCHEMA), (["--format", "asyncapi"], ASYNCAPI)])
def test_rtm_schema_prints_the_document_or_writes_it(tmp_path, arguments, document):
    printed = CliRunner().invoke(schema_command, arguments)
    assert json.loads(printed.output) == document
    path = tmp_path / "schema.json"
    written = CliRunner().invoke(schema_command, [*arguments, "--output", str(path)])
    assert (written.exit_code, written.output) == (0, "")
    assert json.loads(path.read_text()) == document
