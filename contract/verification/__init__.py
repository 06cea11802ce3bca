"""Verification: clauses that a target keeps or breaks, probes that find out, and a guard over what that costs."""
