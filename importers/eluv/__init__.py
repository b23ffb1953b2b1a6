"""The eluv.io scene segmentation challenge: its pickles read safely, features and scenes in, predictions out."""
