"""Suites that every registered loss, tuning, teacher and student must pass, and one of another package's too."""
