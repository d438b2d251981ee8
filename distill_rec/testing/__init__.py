"""Conformance checks that every registered part must pass, and one of another package's too."""
