"""Inputs, labels and scaling of models that look at shots. No model by itself."""
