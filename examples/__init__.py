"""The drawn catalogue: short films whose every label is known because the program that draws them writes it."""
