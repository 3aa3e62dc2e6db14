"""The store on disk does what the store in memory does."""

from hypothesis import given
from hypothesis import strategies as st

from processors.store import MemoryStore
from streams.replay.disk_store import DiskStore

KEYS = st.sampled_from([b"", b"a", b"ab", b"\x00", b"\xff" * 40])
STEPS = st.lists(st.tuples(st.sampled_from(["put", "delete", "get"]), KEYS, st.binary(max_size=40)), max_size=30)


@given(STEPS)
def test_any_steps_give_what_the_store_in_memory_gives(tmp_path_factory, steps):
    memory = MemoryStore()
    with DiskStore(tmp_path_factory.mktemp("store") / "state") as disk:
        for step, key, value in steps:
            for store in (memory, disk):
                if step == "put":
                    store.put(key, value)
                elif step == "delete":
                    store.delete(key)
            assert disk.get(key) == memory.get(key)


def test_it_holds_more_than_its_cache(tmp_path):
    with DiskStore(tmp_path / "state") as store:
        for number in range(3000):
            store.put(b"%d" % number, bytes([number % 256]) * 10_000)
        assert (tmp_path / "state").stat().st_size > 10_000_000
        assert all(store.get(b"%d" % number) == bytes([number % 256]) * 10_000 for number in range(3000))
