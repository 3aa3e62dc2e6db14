"""One heap for all threads: glibc itself is asked how many there are, in a process whose threads allocate at once."""

import ctypes
import os
import subprocess
import sys

import pytest

COUNT = """
import ctypes, os, sys, tempfile, threading
from streams.heap import one_heap
if sys.argv[1] == "one":
    one_heap()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
together = threading.Barrier(4)
def allocate():
    together.wait()
    libc.malloc(5000)
    together.wait()
threads = [threading.Thread(target=allocate) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
libc.fopen.restype = ctypes.c_void_p
with tempfile.NamedTemporaryFile() as told:
    file = ctypes.c_void_p(libc.fopen(told.name.encode(), b"w"))
    libc.malloc_info(0, file)
    libc.fclose(file)
    print(open(told.name).read().count("<heap nr="))
"""


def heaps(which, **environment):
    there = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    found = subprocess.run([sys.executable, "-c", COUNT, which], env=there | environment, capture_output=True, text=True, check=True)
    return int(found.stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="the C library isn't glibc: it has no malloc_info")
def test_threads_share_one_heap_unless_the_environment_says_how_many():
    assert heaps("usual") > 1
    assert heaps("one") == 1
    assert heaps("one", MALLOC_ARENA_MAX="3") in (2, 3)
