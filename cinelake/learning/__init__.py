"""The training platform: data, split, fitting, evaluation, gate and cards; it knows no particular model."""
