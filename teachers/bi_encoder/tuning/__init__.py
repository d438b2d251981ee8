"""How much of a trunk learns: one tuning a file, found through the entry points `distill_rec.tunings`."""
