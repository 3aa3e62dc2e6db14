"""Files of events onto Kafka, resumable, with the ticks of RTM_CLOCK=log."""
