"""Listening: a server, and how it holds calls until their responses are due."""
