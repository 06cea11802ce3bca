"""The platform's HTTP: routes, reading requests, making responses, recording exchanges."""
