"""`pipeline.yaml`, read safely and validated whole. Nothing here reads films or the lake."""
