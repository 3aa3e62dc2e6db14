"""Where it runs: replay, Kafka, worker, sink, dispatcher, warehouse, command line. Wires and moves bytes."""
