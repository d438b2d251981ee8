"""A teacher that is a file: scores, or item vectors, of whatever made them."""
