"""Versioned data: alert rules, billing rules and MCIDs, each entry with its source."""
