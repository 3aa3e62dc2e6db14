"""What flows: events, rows, topics and their codecs. No behaviour."""
