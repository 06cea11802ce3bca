"""`python -m mockling.cli` is the command."""

from mockling.cli import main

main()
