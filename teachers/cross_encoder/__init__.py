"""A teacher that reads history and candidate together: scores, and no vectors."""
