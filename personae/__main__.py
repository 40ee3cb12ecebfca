"""`python -m personae` is the command line."""

from personae.cli import main

main()
