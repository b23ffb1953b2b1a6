"""Products for editors and players, made of the lake's tables: supercuts, timelines, captions, spans. No table is written here."""
