"""Kafka: a broker of our own, topics, where a record lies, and writing from outside the worker."""
