"""What `tests/bench/live.py` measures, a file each."""
