"""The lake on disk: cells, index, published copies, champions and their networks. Nothing here decides what is made."""
