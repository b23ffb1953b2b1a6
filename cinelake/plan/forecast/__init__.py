"""How long a run would take and what bounds it, from measured costs. Real runs do not use it."""
