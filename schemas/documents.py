"""The schemas as documents for others: JSON Schema of the events and rows, AsyncAPI of the topics; both made from the models."""

from __future__ import annotations

import json
from copy import deepcopy
from importlib.resources import files
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from schemas.codecs import decode_line, encode_kafka
from schemas.events import CHUNK, EVENT_MODELS, MOTION_SOURCE, TICK, SensorChunk
from schemas.rows import TABLES, Table
from schemas.topics import ALERTS, DEAD_LETTERS, DELIVERIES, EVENTS, METRICS, PARTITIONS, SENSOR, TOPICS, Topic

DRAFT = "https://json-schema.org/draft/2020-12/schema"
ASYNCAPI_VERSION = "3.0.0"
CONTRACT_VERSION = "1.0.0"
TRANSITIONS = ("opened", "notified", "escalated", "acknowledged", "snoozed", "resolved", "reopened", "expired")
_ABOUT = "Remote Therapeutic Monitoring: facts about patients in; adherence, range of motion and alerts out."
_METRICS_TABLES = [table for table in TABLES.values() if table.generations and table.name != "alerts"]
_HEADERS = "#/components/schemas/CloudEventHeaders"


class _Plain(GenerateJsonSchema):
    """Without titles that only repeat the field's name."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False


def example(event_type: str) -> dict[str, Any]:
    """The example of an event type: a CloudEvent in structured mode."""
    name = event_type.removeprefix("rtm.").removesuffix(".v1")
    loaded: dict[str, Any] = json.loads((files("schemas") / "examples" / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


def _definitions(types: dict[str, Any], template: str) -> dict[str, Any]:
    """The schema of each type and of all that they refer to, by name."""
    inputs = [(name, "validation", TypeAdapter(kind)) for name, kind in types.items()]
    _, document = TypeAdapter.json_schemas(inputs, ref_template=template, schema_generator=_Plain)  # type: ignore[arg-type]
    found: dict[str, Any] = document["$defs"]
    return found


def json_schema() -> dict[str, Any]:
    """JSON Schema, draft 2020-12: a document is any event of the contract; `$defs` holds every event, its data, and every table's row."""
    events = {model.__name__: model for model in EVENT_MODELS.values()}
    rows = {table.model.__name__: table.model for table in TABLES.values()}
    return {
        "$schema": DRAFT,
        "title": "rtm events",
        "description": f"{_ABOUT} null is as left out; unknown fields are kept and ignored. Rows: $defs/<Name>Row.",
        "oneOf": [{"$ref": f"#/$defs/{name}"} for name in events],
        "$defs": _definitions(events | rows, "#/$defs/{model}"),
    }


def _message_name(event_type: str) -> str:
    return event_type.removeprefix("rtm.").removesuffix(".v1")


def _text(description: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "description": description, **more}


def _header_schema() -> dict[str, Any]:
    properties = {
        "ce_specversion": {"type": "string", "const": "1.0"},
        "ce_type": _text("the event type"),
        "ce_source": _text("who says it; with ce_id and ce_subject the key of duplicates", minLength=1),
        "ce_id": _text("the event, within its source", minLength=1),
        "ce_subject": _text("the patient's pseudonym: the record's key", minLength=1),
        "ce_time": _text("event time, RFC 3339 with an offset, up to nanoseconds", format="date-time"),
        "ce_recordedtime": _text("when the clinic's side took it in; by default ce_time", format="date-time"),
        "ce_clinicid": _text("the tenant"),
        "content-type": _text("of the value"),
    }
    return {"type": "object", "required": ["ce_specversion", "ce_type", "ce_source", "ce_id", "ce_time"], "properties": properties}


def _event_message(event_type: str) -> dict[str, Any]:
    model = EVENT_MODELS[event_type]
    data: Any = model.model_fields["data"].annotation
    content_type = "application/msgpack" if event_type == CHUNK else "application/json"
    said: dict[str, Any] = {"properties": {"ce_type": {"const": event_type}, "content-type": {"const": content_type}}}
    message = {
        "name": event_type,
        "title": _message_name(event_type),
        "summary": (data.__doc__ or "").strip(),
        "contentType": content_type,
        "headers": {"allOf": [{"$ref": _HEADERS}, said]},
        "payload": {"$ref": f"#/components/schemas/{'SensorChunkMessage' if event_type == CHUNK else data.__name__}"},
    }
    if event_type != TICK:
        said["required"] = ["ce_subject"]
        message["bindings"] = {"kafka": {"key": _text("the patient's pseudonym, UTF-8"), "bindingVersion": "0.5.0"}}
    if event_type != CHUNK:
        fact = decode_line(json.dumps(example(event_type)).encode())
        headers = {name: value.decode() for name, value in encode_kafka(fact)[2]}
        message["examples"] = [{"name": "example", "headers": headers, "payload": dict(fact.payload)}]
    return message


def _row_message(table: Table) -> dict[str, Any]:
    return {
        "name": f"rows.{table.name}",
        "title": f"rows of {table.name}",
        "summary": table.description + " One or more rows of one patient, JSON Lines.",
        "contentType": "application/x-ndjson",
        "headers": {"type": "object", "required": ["table"], "properties": {"table": {"type": "string", "const": table.name}}},
        "payload": {"$ref": f"#/components/schemas/{table.model.__name__}"},
    }


def _other_messages() -> dict[str, Any]:
    changed = {"type": "object", "required": ["transition"], "properties": {"transition": {"type": "string", "enum": list(TRANSITIONS)}}}
    return {
        "alert.changed": {
            "name": "rtm.alert.changed.v1",
            "title": "alert.changed",
            "summary": "An alert's row as it now stands, and what happened.",
            "contentType": "application/json",
            "payload": {"allOf": [{"$ref": "#/components/schemas/AlertRow"}, changed]},
        },
        "delivery": {
            "name": "delivery",
            "title": "delivery",
            "summary": TABLES["alert_deliveries"].description,
            "contentType": "application/json",
            "payload": {"$ref": "#/components/schemas/AlertDeliveryRow"},
        },
        "dead-letter": {
            "name": "dead-letter",
            "title": "dead letter",
            "summary": "The original record, key, value and headers unchanged, and beside them the reason.",
            "contentType": "application/octet-stream",
            "payload": {"type": "string", "format": "binary"},
        },
    }


def _carried() -> dict[str, list[str]]:
    """The messages of each topic."""
    others = [_message_name(event_type) for event_type in EVENT_MODELS if event_type != CHUNK]
    return {
        SENSOR.name: [_message_name(CHUNK), _message_name(TICK)],
        EVENTS.name: others,
        METRICS.name: [f"rows.{table.name}" for table in _METRICS_TABLES],
        ALERTS.name: ["alert.changed"],
        DELIVERIES.name: ["delivery"],
        DEAD_LETTERS.name: ["dead-letter"],
    }


def _channel_name(topic: Topic) -> str:
    return topic.name.split(".")[1]


def _channel(topic: Topic, messages: list[str]) -> dict[str, Any]:
    configuration = {"cleanup.policy": [topic.config["cleanup.policy"]], "retention.ms": topic.retention_ms}
    return {
        "address": topic.name,
        "title": topic.name,
        "description": f"{topic.what}. Key: {topic.key}. Kept: {topic.kept}. message.timestamp.type: "
        f"{topic.config['message.timestamp.type']}. Read with isolation.level=read_committed.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": PARTITIONS,
                "topicConfiguration": configuration,
                "bindingVersion": "0.5.0",
            }
        },
    }


def _operation(action: str, topic: Topic, summary: str, messages: list[str] | None = None) -> dict[str, Any]:
    channel = f"#/channels/{_channel_name(topic)}"
    operation: dict[str, Any] = {"action": action, "summary": summary, "channel": {"$ref": channel}}
    if messages is not None:
        operation["messages"] = [{"$ref": f"{channel}/messages/{name}"} for name in messages]
    return operation


def _operations() -> dict[str, Any]:
    derived = [
        _message_name(event_type)
        for event_type in ("rtm.motion.session.v1", "rtm.motion.rep.v1", "rtm.sensor.activity.v1", "rtm.fact.retracted.v1", TICK)
    ]
    steps = ["alert.notified", "alert.escalated"]
    return {
        "motionReceivesChunks": _operation("receive", SENSOR, "motion folds chunks into repetitions and sessions"),
        "clockSendsTicks": _operation("send", SENSOR, "the worker that owns a partition writes its ticks", [_message_name(TICK)]),
        "motionSendsFacts": _operation("send", EVENTS, f"what motion derives (source {MOTION_SOURCE}), then the tick", derived),
        "motionSendsRows": _operation("send", METRICS, "which chunks motion admitted"),
        "motionSendsDeadLetters": _operation("send", DEAD_LETTERS, "what motion can't use"),
        "patientReceivesFacts": _operation("receive", EVENTS, "patient folds the log into rows and alerts"),
        "patientSendsRows": _operation("send", METRICS, "rows that changed, keys that have none any more"),
        "patientSendsAlerts": _operation("send", ALERTS, "alerts that changed"),
        "patientSendsDeadLetters": _operation("send", DEAD_LETTERS, "what patient can't use"),
        "dispatcherReceivesAlerts": _operation("receive", ALERTS, "the dispatcher tells who is on call"),
        "dispatcherSendsSteps": _operation("send", EVENTS, "whom it told, source /rtm/dispatch", steps),
        "dispatcherSendsDeliveries": _operation("send", DELIVERIES, "what became of each webhook"),
        "sinkReceivesChunks": _operation("receive", SENSOR, "raw samples into the warehouse", [_message_name(CHUNK)]),
        "sinkReceivesRows": _operation("receive", METRICS, "rows into the warehouse"),
        "sinkReceivesDeliveries": _operation("receive", DELIVERIES, "deliveries into the warehouse"),
        "sinkReceivesDeadLetters": _operation("receive", DEAD_LETTERS, "dead letters into the warehouse"),
    }


def _binary_chunk(chunk: dict[str, Any]) -> dict[str, Any]:
    """The chunk as MessagePack says it: samples as a binary."""
    schema = deepcopy(chunk)
    for name in ("samples_b64", "n"):
        del schema["properties"][name]
    schema["properties"]["samples"] = _text("MessagePack bin: little-endian float32, row-major", format="binary")
    schema["required"].append("samples")
    del schema["oneOf"]
    return schema


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3.0 document of the topics, their messages (CloudEvents in Kafka's binary mode), and who sends and receives them."""
    types: dict[str, Any] = {
        data.__name__: data for model in EVENT_MODELS.values() if (data := model.model_fields["data"].annotation) is not None
    }
    rows = [*_METRICS_TABLES, TABLES["alerts"], TABLES["alert_deliveries"]]
    schemas = _definitions(types | {table.model.__name__: table.model for table in rows}, "#/components/schemas/{model}")
    schemas["SensorChunkMessage"] = _binary_chunk(schemas.pop(SensorChunk.__name__))
    schemas["CloudEventHeaders"] = _header_schema()
    messages = {_message_name(event_type): _event_message(event_type) for event_type in EVENT_MODELS}
    messages |= {f"rows.{table.name}": _row_message(table) for table in _METRICS_TABLES}
    carried = _carried()
    return {
        "asyncapi": ASYNCAPI_VERSION,
        "info": {"title": "rtm", "version": CONTRACT_VERSION, "description": _ABOUT},
        "defaultContentType": "application/json",
        "channels": {_channel_name(topic): _channel(topic, carried[topic.name]) for topic in TOPICS},
        "operations": _operations(),
        "components": {"schemas": schemas, "messages": messages | _other_messages()},
    }
