"""A teacher, a tuning, a loss and a student of somebody else's, each in a few lines."""
