"""Pickles of plain data, tensors and arrays, read without executing anything; `reader` is where to begin."""
