"""How long a run would take and what bounds it, from measured costs. A real run uses nothing of this."""
