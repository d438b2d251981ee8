"""What `init` takes which column of a log for, and what it proposes about its rows."""

from distill_rec.cli.guesses.asked import Asked, Guess
from distill_rec.cli.guesses.guess import guess

__all__ = ["Asked", "Guess", "guess"]
