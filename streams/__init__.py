"""Where it runs: replay, warehouse, command line; later Kafka and Faust. Wires and moves bytes."""
