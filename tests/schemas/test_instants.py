import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from schemas.instants import FIRST, LAST, Instant, LocalDate, format_day, format_instant, parse_day, parse_instant
from tests.schemas.strategies import instants, written_instants


@given(st.integers(FIRST, LAST))
def test_an_instant_survives_its_text_to_the_nanosecond(instant):
    assert parse_instant(format_instant(instant)) == instant


@given(written_instants())
def test_every_offset_names_the_same_instant(case):
    instant, text = case
    assert parse_instant(text) == instant


@given(instants, instants)
def test_texts_of_whole_seconds_sort_as_their_instants(one, other):
    one, other = one // 10**9 * 10**9, other // 10**9 * 10**9
    if min(one, other) >= -(2**62):
        assert (format_instant(one) < format_instant(other)) == (one < other)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("1970-01-01t00:00:00.5z", 500_000_000),
        ("2016-12-31T23:59:60Z", 1_483_228_800 * 10**9),
        ("2016-12-31T23:59:60.25Z", 1_483_228_800 * 10**9 + 250_000_000),
        ("2026-03-04T08:00:00-00:00", 1_772_611_200 * 10**9),
        ("2026-03-04T08:00:00+05:45", (1_772_611_200 - 5 * 3600 - 45 * 60) * 10**9),
        ("2024-02-29T00:00:00Z", 1_709_164_800 * 10**9),
        ("1900-01-01T00:00:00Z", FIRST),
        ("2262-04-11T23:47:16.854775807Z", LAST),
    ],
)
def test_an_rfc_3339_time_is_read(text, instant):
    assert parse_instant(text) == instant


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-04T08:00:00",
        "2026-03-04 08:00:00Z",
        "2026-03-04T08:00Z",
        "2026-03-04T08:00:00.Z",
        "2026-03-04T08:00:00.1234567890Z",
        "2026-03-04T08:00:00,5Z",
        "2026-03-04T24:00:00Z",
        "2026-03-04T08:60:00Z",
        "2026-03-04T08:00:61Z",
        "2026-03-04T08:00:00+24:00",
        "2026-03-04T08:00:00+01",
        "2026-03-04T08:00:00+0100",
        "2026-03-04T08:00:00Z ",
        " 2026-03-04T08:00:00Z",
        "2026-03-04T08:00:00Z\n",
        "2026-02-29T08:00:00Z",
        "2026-13-01T08:00:00Z",
        "0000-01-01T00:00:00Z",
        "1899-12-31T23:59:59.999999999Z",
        "1900-01-01T00:00:00+00:01",
        "2262-04-11T23:47:16.854775808Z",
        "２０２６-03-04T08:00:00Z",
        "",
        "now",
        0,
        1_772_611_200,
        True,
        None,
        b"2026-03-04T08:00:00Z",
        [],
        {},
        {"a": 1},
    ],
)
def test_what_is_no_rfc_3339_time_in_range_is_refused(text):
    with pytest.raises(ValueError, match=r"not an RFC 3339|no such date|outside"):
        parse_instant(text)


@given(st.integers(-25_567, 106_751))
def test_a_local_date_survives_its_text(day):
    assert parse_day(format_day(day)) == day


@pytest.mark.parametrize("text", ["2026-02-30", "2026-2-3", "20260203", "2026-W05-2", "2026-02-03T00:00:00Z", "2026-00-10", 20_000, None])
def test_what_is_no_real_date_is_refused_without_being_told(text):
    with pytest.raises(ValueError, match=r"^(not a date written YYYY-MM-DD|no such date)$"):
        parse_day(text)


def test_a_model_reads_text_and_writes_it_back():
    adapter = TypeAdapter(dict[str, Instant | LocalDate])
    read = adapter.validate_python({"at": "2026-03-04T08:00:00.000000001+01:00", "on": "2026-03-04"})
    assert read == {"at": 1_772_607_600_000_000_001, "on": 20_516}
    with pytest.raises(ValidationError):
        adapter.validate_python({"at": 5})
