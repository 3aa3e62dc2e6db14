"""Erasure on request, from the outside: how a request gets into the pipeline, and how its records leave the log."""
