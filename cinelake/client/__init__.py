"""A lake in Python (`cinelake.open`): tables, questions, searches. Read-only; nothing else in the core imports it."""
