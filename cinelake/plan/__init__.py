"""What is fresh, stale, blocked or failed, and why; where a cell came from; what a run would cost. Nothing here runs on an engine."""
