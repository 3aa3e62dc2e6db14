"""The demo: eleven made-up episodes of care, ten of them around real exercise recordings, written as one file of events."""
