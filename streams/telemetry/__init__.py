"""How a running component is seen: metrics, health, and its lines. No subject, no value of a record stands in any of them."""
