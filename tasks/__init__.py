"""One module or folder a table, named for it. Nothing here knows engines, flows, MLflow or ffmpeg."""

SHARED = ("shared",)
"""Folders that hold no task."""
