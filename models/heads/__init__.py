"""Heads on frozen embeddings, and how they are fitted, that `tags` and `beats` share. No model by itself."""
