import threading

from processors.topology import MOTION, PATIENT
from streams.worker.threads import FoldThreads


def test_a_partition_is_folded_by_one_thread_in_order_and_only_stages_of_kernels_have_several():
    done: list[int] = []
    with FoldThreads(cores=2) as threads:
        names = {
            (stage.name, partition): {threads.of(stage, partition).submit(threading.get_ident).result() for _ in range(3)}
            for stage in (MOTION, PATIENT)
            for partition in range(4)
        }
        for number in range(100):
            threads.of(MOTION, 3).submit(done.append, number)
    assert done == list(range(100))
    assert all(len(idents) == 1 for idents in names.values())
    assert names["motion", 0] == names["motion", 2] != names["motion", 1] == names["motion", 3]
    assert len({frozenset(names["patient", partition]) for partition in range(4)}) == 1
    assert names["patient", 0] not in (names["motion", 0], names["motion", 1])
