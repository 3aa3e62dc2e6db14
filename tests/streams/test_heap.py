"""The heap of a process: glibc is asked how many there are where threads allocate at once, the system how much memory is taken."""

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

HOLES = """
import ctypes, os, time
from streams.heap import giving_back
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
before = resident()
taken = [libc.malloc(10_000) for _ in range(10_000)]
for address in taken:
    libc.memset(address, 1, 10_000)
for address in taken[:-1]:
    libc.free(address)
held = resident() - before
give_up = time.monotonic() + 30
with giving_back(0.05):
    while resident() - before > 20e6 and time.monotonic() < give_up:
        time.sleep(0.05)
print(held, resident() - before)
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


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="the C library isn't glibc: it has no malloc_trim")
def test_what_was_freed_amid_the_heap_goes_back_to_the_system():
    found = subprocess.run([sys.executable, "-c", HOLES], capture_output=True, text=True, check=True)
    held, kept = map(int, found.stdout.split())
    assert held > 80e6, "one block at the end holds all that was freed before it"
    assert kept < 20e6
