"""Mutation testing: whether the tests notice small wrong changes of the code."""
