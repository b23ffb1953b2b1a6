"""People's labels: contracts checked, files read, versions kept. Nothing here trains or writes into the lake."""
