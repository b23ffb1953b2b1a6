"""One folder a model, read from `config` to `scores`. Nothing here knows the lake, flows or MLflow."""

SHARED = ("heads", "recogniser", "shots", "simple")
"""Folders that hold no model."""
