"""Inputs, labels and scaling of models that look at shots, and names of tables to look at. No model by itself."""
