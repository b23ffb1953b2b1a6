"""MLflow, known to this room alone: what is written down of runs and trainings, and the registry of models."""
