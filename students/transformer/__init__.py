"""The transformer student: the first layers of the teacher's trunk, pooling and a projection."""
