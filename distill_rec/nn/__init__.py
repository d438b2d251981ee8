"""Modules that teachers and students share."""
