"""The index of ids: what was taken is found, whatever its size, saved and loaded anywhere; one fact writes little."""

from hashlib import blake2b

from processors.index import Index, report_key, session_key
from processors.store import MemoryStore


def key(number):
    return blake2b(b"%d" % number, digest_size=16).digest()


class Counting(MemoryStore):
    """A store that counts the bytes put."""

    written = 0

    def put(self, name, value):
        self.written += len(value)
        super().put(name, value)


def test_every_fact_is_found_and_no_other():
    index = Index(MemoryStore(), b"P", 0)
    for number in range(3000):
        assert index.known(key(number), key(-number)) is None
        index.take(key(number), key(-number), number % 50)
    for number in range(3000):
        assert index.known(key(number), key(-number)) is True
        assert index.known(key(number), key(7)) is (number == -7)
        assert index.places(key(number))[0][1] == number % 50


def test_an_index_that_is_saved_and_loaded_goes_on():
    store, size = MemoryStore(), 0
    for begin in range(0, 1000, 10):
        index = Index(store, b"P", size)
        for number in range(begin, begin + 10):
            index.take(key(number), key(number), -3)
        index.save()
        size = index.size
    index = Index(store, b"P", size)
    assert all(index.known(key(number), key(number)) for number in range(1000))
    index.erase()
    assert store.blobs == {}


def test_a_fact_writes_no_more_in_a_long_history_than_in_a_short_one():
    store, written = Counting(), []
    index = Index(store, b"P", 0)
    for number in range(20_000):
        index.take(key(number), key(number), 1)
        store.written = 0
        index.save()
        written.append(store.written)
    assert max(written) < 3000
    assert sum(written[-5000:]) / 5000 < 1000


def test_sessions_and_reports_of_one_name_are_told_apart():
    index = Index(MemoryStore(), b"P", 0)
    for week in (5, 6, 5):
        index.note_week(session_key("s"), week)
    assert index.weeks(session_key("s")) == [5, 6]
    assert index.weeks(report_key("s")) == []
    assert index.size == 2
