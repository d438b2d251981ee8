"""Stages in order, each in its own folder of the run; finished ones are not run again."""
