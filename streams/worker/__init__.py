"""The live fold: Faust, slices, owners of partitions, and checkpoints that are one transaction each."""
