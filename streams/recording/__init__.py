"""One recording in a file, analysed and drawn."""
