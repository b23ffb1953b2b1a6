"""Files, local and on object stores: whole writes, locks, contents; and processes that are started.

Nothing here knows what is in them."""
