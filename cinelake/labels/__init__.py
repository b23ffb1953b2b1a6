"""People's labels: contracts checked, files read, versions kept. Nothing here trains a model or writes into the lake."""
