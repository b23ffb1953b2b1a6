"""The command `cinelake`: thin, over flows and core. Everything heavy is imported inside the commands."""
