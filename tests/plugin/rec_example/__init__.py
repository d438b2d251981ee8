"""A teacher, a tuning and a student of somebody else's, each in a few lines."""
