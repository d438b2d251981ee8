"""The sections of a recipe and their keys, a module for each group of them; `distill_rec.recipe` puts them together."""
