"""Domain post-training: two views of an item are to be found by each other, before any click is learnt from."""
