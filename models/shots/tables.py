"""Names of tables that a model can be asked to look at."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

EmbeddingsTable = Annotated[str, StringConstraints(pattern=r"^embeddings_[a-z0-9_]+$")]
"""A table that the manifest makes with the task `embeddings` under a name of its own."""
