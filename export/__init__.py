"""Products for editors and players, made of the lake's tables: supercuts, timelines, captions. No table is made."""
