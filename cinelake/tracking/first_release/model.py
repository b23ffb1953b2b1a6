"""`cinelake.model`, as a served model of the first release imports it."""

from cinelake.spec.model import find_model

__all__ = ["find_model"]
