"""What is remembered of the disk: the same as without it, within its bytes, for all files of a process together."""

from hypothesis import given
from hypothesis import strategies as st

from streams.worker.committed import MemoryBlobs
from streams.worker.recent_blobs import Recent, Remembering

KEYS = st.binary(min_size=1, max_size=1)
STEPS = st.lists(st.tuples(st.sampled_from([0, 1]), KEYS, st.none() | st.binary(max_size=300)) | st.tuples(st.sampled_from([0, 1]), KEYS))


@given(STEPS, st.sampled_from([0, 1000, 1 << 20]), st.none() | st.dictionaries(KEYS, st.binary(max_size=300)))
def test_blobs_are_the_same_through_any_memory_of_them_and_it_stays_within_its_bytes(steps, most, whole):
    recent = Recent(most)
    plain, files = [MemoryBlobs(), MemoryBlobs()], [MemoryBlobs(), MemoryBlobs()]
    for blobs in (*plain, *files):
        blobs.update(whole or {})
    through = [Remembering(file, recent, whole) for file in files]
    for file, key, *value in steps:
        if value:
            plain[file].update({key: value[0]})
            through[file].update({key: value[0]})
        assert through[file].get(key) == plain[file].get(key)
        assert recent.young + recent.old <= most
    for blobs in through:
        blobs.close()
    assert recent.young + recent.old == 0


class Asked(MemoryBlobs):
    """Counts how often it is asked."""

    times = 0

    def get(self, key):
        self.times += 1
        return super().get(key)


def test_what_was_read_or_found_missing_is_not_asked_again_until_it_is_crowded_out():
    file = Asked()
    file.update({b"there": b"1"})
    blobs = Remembering(file, Recent(1000))
    assert [blobs.get(b"there"), blobs.get(b"there"), blobs.get(b"not"), blobs.get(b"not")] == [b"1", b"1", None, None]
    assert file.times == 2
    blobs.update({b"large": bytes(700)})
    assert blobs.get(b"there") == b"1"
    assert file.times == 3


def test_a_file_that_is_known_in_whole_is_asked_only_for_what_was_crowded_out():
    file, recent = Asked(), Recent(2000)
    file.update({b"there": b"1"})
    blobs = Remembering(file, recent, {b"there": b"1"})
    assert [blobs.get(b"there"), blobs.get(b"not")] == [b"1", None]
    assert file.times == 0
    for number in range(2):
        blobs.update({b"large%d" % number: bytes(900)})
    assert [blobs.get(b"there"), blobs.get(b"not")] == [b"1", None]
    assert file.times == 2
