"""Thin Prefect flows over the core, and the servers that they need."""
