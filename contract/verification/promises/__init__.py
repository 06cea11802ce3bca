"""Promises that do not follow from the schemas: precedence, the gateway, the life cycle, billing, bytes and timing."""
