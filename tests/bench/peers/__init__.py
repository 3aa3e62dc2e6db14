"""The same small job by quixstreams, by bytewax and on our transport and checkpoints, over the same topics."""
