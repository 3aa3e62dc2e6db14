"""Whether nothing got lost: what the state counted, what lies in Kafka, and what stands in the warehouse, side by side."""
