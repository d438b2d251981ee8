"""`python -m distill_rec` is the command `distill-rec`."""

from distill_rec.cli.main import main

main()
