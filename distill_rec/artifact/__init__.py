"""The artifact's format: what its files are called and hold, how they are checked, published and replaced. No torch."""
