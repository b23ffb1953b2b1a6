"""Questions in SQL over a lake, its data dictionary and its quality. Read-only but for the table `quality`."""
