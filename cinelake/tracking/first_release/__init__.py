"""Names that versions registered by the first release import: each carries its own copy of `served.py` in MLflow.

`cinelake.artefacts` and `cinelake.model` are found here (see `cinelake.__path__`). Nothing of the project imports them;
this folder may go when no registered version of the first release is served any more.
"""
