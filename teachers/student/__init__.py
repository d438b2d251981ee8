"""A student of any kind, trained on clicks alone, as a teacher among others."""
