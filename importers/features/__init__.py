"""Anybody's tables of features: CSV, workbooks or Parquet, held to the contract of a task that they stand for."""
