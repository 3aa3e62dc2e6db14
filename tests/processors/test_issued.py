"""What was issued is told as it was noted, from memory and from what was written, version 2 included."""

from hypothesis import given
from hypothesis import strategies as st

from processors.issued import Issued
from processors.metrics import key_text
from processors.shelf import pack, raw
from tests.processors.test_laws import laws

uuids = st.uuids().map(str)
names = st.one_of(st.text(max_size=3), uuids, uuids.map(str.upper), uuids.map(lambda name: f"/app#{name}\n{name}"))
digests = st.dictionaries(st.builds(key_text, names, st.integers(0, 9)), st.binary(min_size=8, max_size=8), max_size=3)
noted = st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["sessions", "reps", "adherence_daily"]), digests), max_size=9)


@laws
@given(noted)
def test_what_was_noted_is_told(notes):
    week, last = Issued(), {}
    for day, table, some in notes:
        week.note(day, table, some)
        last[day, table] = some
    read = Issued.read(pack(week, tight=True))
    for (day, table), some in last.items():
        assert week.of(day, table) == read.of(day, table) == some
        assert (table in read.days[day]) == bool(some)
    assert read.of(7, "sessions") == {}


def test_a_map_as_version_2_wrote_it_is_told():
    week = Issued({3: {"sessions": raw({'["s"]': b"12345678"})}})
    assert week.of(3, "sessions") == {'["s"]': b"12345678"}
