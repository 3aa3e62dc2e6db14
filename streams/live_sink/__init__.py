"""Rows from Kafka into the warehouse."""
