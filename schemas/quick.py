"""The common case of validation, quickly: an event's `data` as a dictionary in, what its model would hold of it out, or None.

msgspec checks plain fields (text, numbers, flags, instants, lists of text, maps of numbers) in a tenth of pydantic's time. It takes a part
of what the models take, with the same result; what it refuses, rightly or not, is left to the model, which says what is wrong. The models
of `schemas.events` stay the one definition: the types here are derived from them, and an event type with any other field has no quick way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from pydantic import BaseModel

from schemas import events as e
from schemas.instants import Instant, parse_instant

if TYPE_CHECKING:
    from collections.abc import Callable

D = TypeVar("D", bound=e.Data)

_SAME: tuple[tuple[Any, Any], ...] = (
    (e.Text, str),
    (e.Flag, bool),
    (e.Number, float),
    (e.Scale, Annotated[float, msgspec.Meta(ge=0, le=10)]),
    (e.Int, Annotated[int, msgspec.Meta(ge=-e.LARGEST, le=e.LARGEST)]),
    (e.Positive, Annotated[int, msgspec.Meta(ge=1, le=e.LARGEST)]),
    (Instant, str),
    (list[e.Text], list[str]),
    (e.Values, dict[str, float]),
)
"""How the models' types are said to msgspec."""


def _plain(hint: Any) -> Any:
    """A field's type for msgspec, or None where there is none."""
    optional = type(None) in get_args(hint)
    for ours, theirs in _SAME:
        if hint == ours:
            return theirs
        if optional and hint == ours | None:
            return theirs | None
        if hint == Annotated[ours, e.OR_ONE]:
            return theirs
    inner = next(part for part in get_args(hint) if part is not type(None)) if optional else hint
    return hint if get_origin(inner) is Literal else None


def _instants(hints: dict[str, Any]) -> list[str]:
    return [name for name, hint in hints.items() if hint in (Instant, Instant | None)]


@dataclass(frozen=True, slots=True)
class QuickWay:
    """The quick check of one event type's data. `names` are the fields that it knows, none of which nests deep."""

    names: frozenset[str]
    check: Callable[[dict[str, Any]], e.Data | None]


def quick_way(model: type[e.CloudEvent]) -> QuickWay | None:
    """The quick check of one event type, or None where only the model can judge."""
    data_model: type[e.Data] = model.model_fields["data"].annotation  # type: ignore[assignment]
    known = data_model.model_fields
    hints = {name: hint for name, hint in get_type_hints(data_model, include_extras=True).items() if name in known}
    plain = {name: _plain(hint) for name, hint in hints.items()}
    if None in plain.values() or not issubclass(model, e.PatientEvent) or data_model.__pydantic_decorators__.model_validators:
        return None
    fields = [(name, kind) if known[name].is_required() else (name, kind, known[name].default) for name, kind in plain.items()]
    said = msgspec.defstruct(data_model.__name__, fields, kw_only=True)
    instants, names = _instants(hints), set(known)

    def check(data: dict[str, Any]) -> e.Data | None:
        try:
            values = _as_dictionary(_convert(data, said))
            for name in instants:
                if values[name] is not None:
                    values[name] = parse_instant(values[name])
        except ValueError:  # msgspec's ValidationError is one
            return None
        return model_of(data_model, values, names)

    return QuickWay(frozenset(known), check)


def model_of(model: type[D], values: dict[str, Any], names: set[str]) -> D:
    """What `model_construct(**values)` makes, where `values` has every field, `names`, in the model's order; without its look at each."""
    made = _new(model)
    _set_values(made, values)
    _set_names(made, names)
    _set_extra(made, None)
    _set_private(made, None)
    return made


_convert, _as_dictionary, _new = msgspec.convert, msgspec.structs.asdict, object.__new__
_slots = vars(BaseModel)
_set_values, _set_names = _slots["__dict__"].__set__, _slots["__pydantic_fields_set__"].__set__
_set_extra, _set_private = _slots["__pydantic_extra__"].__set__, _slots["__pydantic_private__"].__set__
