"""How fast and how large: every figure that is claimed has a command here (see README.md)."""
