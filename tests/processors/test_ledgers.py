"""Which ledgers stay in memory: those used last, by number and by bytes."""

import pytest

from processors import ledgers
from processors.ledgers import Ledgers
from processors.store import MemoryStore


@pytest.fixture
def kept(monkeypatch):
    monkeypatch.setattr(ledgers, "WARM", 4)
    return Ledgers(MemoryStore())


def use(kept, names, most):
    used = {name: kept.get(name) for name in names}
    kept.keep(used.values(), most, ())
    return used


def test_those_used_last_stay_as_they_are(kept):
    used = use(kept, "abcd", 1 << 30)
    assert [kept.get(name) for name in "abcd"] == list(used.values())


def test_of_too_many_those_used_longest_ago_leave(kept):
    used = use(kept, "abcdef", 1 << 30)
    assert [name for name in "cdef" if kept.get(name) is not used[name]] == []
    assert kept.get("a") is not used["a"]


def test_bytes_bound_them_too(kept):
    size = kept.get("a").size
    used = use(kept, "abcd", 2 * size)
    assert [name for name in "cd" if kept.get(name) is not used[name]] == []
    assert [name for name in "ab" if kept.get(name) is used[name]] == []


def test_who_is_pinned_is_never_read_twice(kept):
    used = {name: kept.get(name) for name in "abcd"}
    kept.keep(used.values(), 0, {"a", "b", "c", "d"})
    assert [kept.get(name) for name in "abcd"] == list(used.values())


def test_a_ledger_weighs_more_the_more_it_has_read(kept):
    ledger = kept.get("a")
    before = ledger.size
    ledger.strips.get(1)
    assert ledger.size > before
