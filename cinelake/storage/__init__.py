"""Files: local and on object stores, whole writes, locks, contents. Nothing here knows what is in them."""
