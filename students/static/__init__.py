"""The static student: a table of sub-word vectors, their mean, a projection; microseconds per item."""
