"""From a CloudEvent as a dictionary to a `Fact`, validated once; and facts made by ourselves.

In: the attributes and `data` of one event, however they were written. Out: a `Fact`, or `Unusable` with the contract's reason. The codecs
of files (`schemas.structured`) and of Kafka (`schemas.kafka`) stand on either side of this.
"""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import msgspec
import orjson
from pydantic import BaseModel, ValidationError

from schemas.events import CHUNK, EVENT_MODELS, MOTION_SOURCE, TICK, CloudEvent, Data, PatientEvent
from schemas.facts import Fact, Unusable
from schemas.instants import parse_instant
from schemas.quick import quick_way

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic_core import ErrorDetails

    from schemas.facts import Reason
    from schemas.quick import QuickWay

MAX_RECORD = 8 * 2**20
"""The largest record, bytes, unless `RTM_MAX_RECORD` says otherwise."""

MAX_DEPTH = 100
"""How deep `data` may nest: JSON writers have a limit of their own, and what was read must be writable again."""

SAMPLE_FIELDS = frozenset({"samples", "samples_b64", "n"})
"""Fields of a chunk that its payload leaves out: they stand in `data.samples`."""

_OWN_FIELDS = frozenset({*CloudEvent.model_fields, *PatientEvent.model_fields, "type", "data", "datacontenttype", "data_base64"})
_VALIDATORS = {name: model.__pydantic_validator__.validate_python for name, model in EVENT_MODELS.items()}
_DATA_MODELS: dict[str, type[Data]] = {name: model.model_fields["data"].annotation for name, model in EVENT_MODELS.items()}  # type: ignore[misc]
QUICK = {name: quick_way(model) for name, model in EVENT_MODELS.items()}
_NEEDED = len(("specversion", "type", "source", "id", "subject", "time", "data"))
_NOTHING: Mapping[str, str] = {}


def _field_names(model: type[BaseModel], seen: set[str]) -> set[str]:
    """The names of the fields of a model and of the models in it."""
    pending: list[Any] = []
    for name, field in model.model_fields.items():
        seen.add(name)
        pending.append(field.annotation)
    while pending:
        annotation = pending.pop()
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            _field_names(annotation, seen)
        pending.extend(get_args(annotation))
    return seen


_FIELDS = frozenset(name for model in EVENT_MODELS.values() for name in _field_names(model, {"samples_b64", "n"}))


def explain(details: list[ErrorDetails]) -> str:
    """What pydantic found wrong: paths of our own field names and its messages; never a value, never a key of the record's own."""
    told: dict[str, str] = {}
    for detail in details:
        path = ".".join(str(part) for part in detail["loc"] if isinstance(part, int) or part in _FIELDS)
        told.setdefault(path, detail["msg"].removeprefix("Value error, "))
    shown = [f"{path}: {message}" if path else message for path, message in list(told.items())[:3]]
    return "; ".join(shown) + (f"; and {len(told) - 3} more" if len(told) > 3 else "")


def recorded_of(recordedtime: object, time: object) -> int | None:
    """The recorded instant (ns) that two attributes say; None where it can't be read."""
    try:
        return parse_instant(time if recordedtime is None else recordedtime)
    except ValueError:
        return None


def unusable(reason: Reason, error: str, event: Mapping[str, Any]) -> Unusable:
    """An `Unusable` with the event's id and recorded time, as far as they can be read."""
    event_id = event.get("id")
    recorded = recorded_of(event.get("recordedtime"), event.get("time"))
    return Unusable(reason, error, event_id if isinstance(event_id, str) else "", recorded)


def brackets(content: bytes) -> int:
    """No less than the depth to which JSON text nests, found quickly."""
    return len(content) if len(content) > 2048 else content.count(b"{") + content.count(b"[")


def _nests_deeper(value: Any, levels: int) -> bool:
    if isinstance(value, dict):
        return levels == 0 or any(_nests_deeper(item, levels - 1) for item in value.values())
    if isinstance(value, list):
        return levels == 0 or any(_nests_deeper(item, levels - 1) for item in value)
    return False


def attribute_text(value: object) -> str:
    """A CloudEvents attribute as its canonical text: `true`, `false`, decimal integers, text as it is; what is none of them as JSON."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else orjson.dumps(value).decode()


def _shallow() -> int:
    return 0


def fact_of(event: dict[str, Any], *, derived: bool = False, depth: Callable[[], int] = _shallow) -> Fact:
    """The fact that an event's attributes and `data` say; `Unusable` (`unknown_type`, `invalid`) where they don't say one.

    `event` may be changed. `depth` finds no less than that of its nesting.
    """
    kind = event.get("type")
    if not isinstance(kind, str):
        raise unusable("invalid", "type: missing or not text", event)
    if kind not in _VALIDATORS:
        raise unusable("unknown_type", "type: not an event type of the contract", event)
    payload = event.get("data")
    if payload is None:
        payload = event["data"] = {}
    way = QUICK[kind]
    if way is not None and (fact := _quick_fact(event, way, payload, depth, derived=derived)) is not None:
        return fact
    time, recorded, data = _validated(event, kind)
    if kind == CHUNK:
        payload = {name: value for name, value in payload.items() if name not in SAMPLE_FIELDS}
    if depth() > MAX_DEPTH and _nests_deeper([payload, *(event[x] for x in event if x != "data")], MAX_DEPTH + 2):
        raise unusable("invalid", f"data: nested more than {MAX_DEPTH} deep", event)
    subject, clinic = ("", None) if kind == TICK else (event["subject"], event.get("clinicid"))
    attributes = _attributes(event, clinic)
    return Fact(kind, event["source"], event["id"], subject, time, recorded, data, payload, clinic, attributes, derived)


class _Envelope(msgspec.Struct):
    """A patient's event but for its data, as far as it is plain; the same that `PatientEvent` takes of it."""

    type: str
    specversion: Literal["1.0"]
    source: Annotated[str, msgspec.Meta(min_length=1)]
    id: Annotated[str, msgspec.Meta(min_length=1)]
    subject: Annotated[str, msgspec.Meta(min_length=1)]
    time: str
    recordedtime: str | None = None
    clinicid: str | None = None


def _quick_fact(event: dict[str, Any], way: QuickWay, payload: Any, depth: Callable[[], int], *, derived: bool) -> Fact | None:
    """The fact of an event whose type has a quick way; None where only the model can say."""
    try:
        said = msgspec.convert(event, _Envelope)
        time = parse_instant(said.time)
        recorded = time if said.recordedtime is None else parse_instant(said.recordedtime)
    except ValueError:  # msgspec's ValidationError is one
        return None
    data = way.check(payload)
    if data is None:
        return None
    usual = len(event) == _NEEDED + ("recordedtime" in event) + ("clinicid" in event) + ("datacontenttype" in event)
    if not (usual and payload.keys() <= way.names) and depth() > MAX_DEPTH:
        return None
    attributes = only_clinic(said.clinicid) if usual else _attributes(event, said.clinicid)
    return Fact(said.type, said.source, said.id, said.subject, time, recorded, data, payload, said.clinicid, attributes, derived)


def _validated(event: dict[str, Any], kind: str) -> tuple[int, int, Data]:
    """An event's time, recorded time (ns) and data, by its model; `Unusable` where they aren't valid."""
    try:
        said = _VALIDATORS[kind](event).__dict__
    except ValidationError as error:
        raise unusable("invalid", explain(error.errors(include_url=False, include_context=False, include_input=False)), event) from None
    return said["time"], said["time"] if said["recordedtime"] is None else said["recordedtime"], said["data"]


@lru_cache(1024)
def only_clinic(clinic: str | None) -> Mapping[str, str]:
    """The attributes of an envelope that has no others, the same object for all of them."""
    return _NOTHING if clinic is None else {"clinicid": clinic}


def _attributes(event: dict[str, Any], clinic: str | None) -> Mapping[str, str]:
    """The attributes of an envelope beside its own, as text."""
    others = {name: attribute_text(value) for name, value in event.items() if name not in _OWN_FIELDS and value is not None}
    return {**only_clinic(clinic), **others}


def make_fact(
    type: str,  # noqa: A002 - the attribute's own name
    subject: str,
    source: str,
    id: str,  # noqa: A002
    time: int,
    data: dict[str, Any],
    *,
    recorded: int | None = None,
    clinic: str | None = None,
    derived: bool = False,
) -> Fact:
    """A fact from its parts: instants in ns, `data` a JSON-like dictionary (instants in it as text, `samples` may be bytes).

    `data` is validated with the type's model. `Unusable` with `unknown_type` or `invalid`, as for a fact that was read.
    """
    model = _DATA_MODELS.get(type)
    if model is None:
        raise Unusable("unknown_type", "type: not an event type of the contract", id, recorded)
    if not (source and id and (subject or type == TICK)):
        raise Unusable("invalid", "source, id and subject must not be empty", id, recorded)
    try:
        valid = model.model_validate(data)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        for detail in details:
            detail["loc"] = ("data", *detail["loc"])
        raise Unusable("invalid", explain(details), id, recorded) from None
    payload = {name: value for name, value in data.items() if name not in SAMPLE_FIELDS} if type == CHUNK else dict(data)
    attributes = _NOTHING if clinic is None else {"clinicid": clinic}
    return Fact(type, source, id, subject, time, time if recorded is None else recorded, valid, payload, clinic, attributes, derived)


def derived_fact(
    data: Data,
    *,
    type: str,  # noqa: A002
    subject: str,
    id: str,  # noqa: A002
    time: int,
    recorded: int,
    clinic: str | None,
) -> Fact:
    """A fact that the pipeline makes itself, source `/rtm/motion`; its data is trusted, its payload is the model as JSON."""
    payload = data.__pydantic_serializer__.to_python(data, mode="json", exclude_none=True)
    attributes = _NOTHING if clinic is None else {"clinicid": clinic}
    return Fact(type, MOTION_SOURCE, id, subject, time, recorded, data, payload, clinic, attributes, derived=True)


def chunk_samples_text(fact: Fact) -> dict[str, Any]:
    """The samples of a chunk as they stand in JSON: `samples_b64` and `n`."""
    samples: bytes = fact.data.samples  # type: ignore[attr-defined]
    rows = len(fact.data.array)  # type: ignore[attr-defined]
    return {"samples_b64": base64.b64encode(samples).decode(), "n": rows}
