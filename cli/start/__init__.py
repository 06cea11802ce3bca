"""Mockling: an emulator, a contract and a client of one paid, slow endpoint; each room is a package of its own.

This one holds nothing. It is there so that other tools, pytest among them, know the rooms for parts of one package.
"""
