"""Preference tuning: a stage after supervised training, against the trained teacher as a frozen reference."""
