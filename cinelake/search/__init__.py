"""Search: moments of films that look like a picture, in which words are said or written, or conditions hold.

`cinelake search` and `cinelake.open(...).search(...)`; see `cinelake.search.moments` for the results, `.vectors` for
the exact search over the lake's files, `.index` for the approximate one over a large lake,
`.words` for lines by their words.
"""
