"""How long a run would take and what bounds it, from measured costs. Nothing here is asked when a run really runs."""
