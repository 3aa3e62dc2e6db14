"""What staff do with alerts from the command line: list them, acknowledge, snooze, close."""
