"""`python -m mockling` is the command."""

from mockling.cli import main

main()
