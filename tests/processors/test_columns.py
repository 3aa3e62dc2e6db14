"""Entries as columns and back, whatever they say."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from processors.columns import Columns, from_columns, to_columns
from processors.entries import Heard, make_entry
from processors.shelf import pack, unpack
from tests.histories import histories
from tests.processors.test_laws import laws


def dated(history):
    return [entry for fact in history.facts if isinstance(entry := make_entry(fact), Heard)]


@laws
@given(histories(), st.sampled_from(["as they are", "uuids", "nearly uuids"]), st.sampled_from([1, 1000, 10**9]))
def test_columns_give_back_the_entries(history, names, unit):
    entries = dated(history)
    for number, entry in enumerate(entries):
        if names != "as they are":
            entry.id = str(uuid.UUID(int=number << 64))
        entry.recorded = entry.recorded // unit * unit
    if names == "nearly uuids" and entries:
        entries[-1].id = entries[-1].id.upper()[:-1] + "F"
    assert from_columns(unpack(pack(to_columns(entries), tight=True), Columns)) == entries
