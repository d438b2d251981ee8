"""How much of a trunk learns: one tuning per file, found through the entry points `distill_rec.tunings`."""
