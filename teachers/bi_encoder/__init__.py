"""The bi-encoder: a PLM with a small head; `tuning` says how much of the PLM learns."""
