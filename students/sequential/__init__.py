"""The sequential student: a vector per item and a user encoder over them; texts for items that nobody has clicked."""
