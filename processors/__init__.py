"""What it means: pure and deterministic folds of facts. No I/O, no wall clock, no randomness."""
