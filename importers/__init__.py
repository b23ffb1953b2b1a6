"""Other people's data sets, one folder each; deleting one breaks nothing else."""
