"""The embedded fold: files, or the log as it stands, into complete tables."""
