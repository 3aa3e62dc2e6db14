"""From an alert's change to a delivered webhook."""
