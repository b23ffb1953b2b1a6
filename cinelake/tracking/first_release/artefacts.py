"""`cinelake.artefacts`, as a served model of the first release imports it."""

from cinelake.lake.artefact import read_artefact

__all__ = ["read_artefact"]
