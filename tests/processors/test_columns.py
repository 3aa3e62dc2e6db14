"""Entries as columns and back, whatever they say."""

import uuid

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from processors.columns import Columns, from_columns, to_columns
from processors.entries import Activity, Exercise, Heard, Rep, Symptom, make_entry
from processors.shelf import pack, unpack
from tests.histories import histories
from tests.processors.test_laws import laws

LONG = (1 << 63) - 1
instants = st.integers(-LONG // 4, LONG // 4)
integers = st.one_of(st.integers(-3, 3), st.integers(-300, 300), st.integers(-LONG, LONG), st.sampled_from([LONG, 2 * LONG + 1, -LONG - 1]))
floats = st.one_of(st.sampled_from([0.0, -0.0, 5.0, 0.1, float("nan"), float("inf")]), st.floats())
texts = st.one_of(st.sampled_from(["", "a", "a\nb", "\xff", str(uuid.UUID(int=7))]), st.text(max_size=3))
head = (texts, texts, instants, instants, instants, texts, st.booleans(), st.booleans(), texts)
maybe = st.one_of(st.none(), floats)
entries = st.one_of(
    st.builds(Symptom, *head),
    st.builds(Activity, *head, texts, instants, st.dictionaries(texts, st.one_of(floats, integers), max_size=2)),
    st.builds(Exercise, *head, texts, st.none() | texts, st.none() | instants, integers, maybe, floats | integers),
    st.builds(
        Rep, *head, texts, integers, integers, texts, texts, texts, texts, instants, floats, *[maybe] * 5, st.lists(texts, max_size=2)
    ),
)


def dated(history):
    return [entry for fact in history.facts if isinstance(entry := make_entry(fact), Heard)]


def stored(some):
    return from_columns(unpack(pack(to_columns(some), tight=True), Columns))


@laws
@given(histories(), st.sampled_from(["as they are", "uuids", "nearly uuids"]), st.sampled_from([1, 1000, 10**9]))
def test_columns_give_back_the_entries(history, names, unit):
    some = dated(history)
    for number, entry in enumerate(some):
        if names != "as they are":
            entry.id = str(uuid.UUID(int=number << 64))
        entry.recorded = entry.recorded // unit * unit
    if names == "nearly uuids" and some:
        some[-1].id = some[-1].id.upper()[:-1] + "F"
    assert stored(some) == some


@laws
@given(st.lists(entries, max_size=6))
def test_columns_give_back_every_value_to_its_type_and_its_last_bit(some):
    assert msgspec.msgpack.encode(stored(some)) == msgspec.msgpack.encode(some)


@laws
@given(st.lists(st.builds(Rep, *head, texts, *[st.integers()] * 2, *[texts] * 4, *[st.integers()] * 7, st.just([])), max_size=4))
def test_columns_hold_whole_numbers_of_any_size(some):
    assert from_columns(to_columns(some)) == some
