"""The report: a static site of a lake, a page for each film and a catalogue of them, read without a server."""
