"""The transformer student: layers of the teacher's trunk, pooling and a projection."""
