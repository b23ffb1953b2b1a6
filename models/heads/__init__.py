"""Heads on frozen embeddings, and their scores, that `tags` and `beats` share. No model by itself."""
