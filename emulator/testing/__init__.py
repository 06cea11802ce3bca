"""For tests: the pytest plugin, and the trials it is made of."""
