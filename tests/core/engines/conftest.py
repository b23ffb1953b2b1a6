"""Fixtures that the rooms of the command share; what is drawn and made once is made once for all of them."""

from end_to_end._lakes import drawn, made, no_command_left, prefect, project

__all__ = ["drawn", "made", "no_command_left", "prefect", "project"]
