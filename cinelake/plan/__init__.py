"""What is fresh, stale, blocked or failed, and why; where a cell came from. Nothing here runs on an engine."""
