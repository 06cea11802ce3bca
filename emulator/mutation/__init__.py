"""Mutation: emulators that break their promises on purpose, so that it is known whether the clauses would notice."""
