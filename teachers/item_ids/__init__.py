"""The teacher of item ids: a user encoder over free item vectors, no texts; SASRec where it is causal."""
