"""The errors of rerouting.

ConnectionError
+-- NetworkBlocked       this machine would have been left
    +-- LiveCallError    for a live host of the platform
"""


class NetworkBlocked(ConnectionError):
    """A call beyond this machine was refused before anything was sent; the message says what to do instead.

    `host` is the name or the address that was meant. It is a `ConnectionError`, so that libraries take it for what
    it is: requests wraps it in its own `ConnectionError`, urllib.request in `URLError`.
    """

    def __init__(self, message: str, host: str) -> None:
        super().__init__(message)
        self.host = host

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (str(self), self.host)


class LiveCallError(NetworkBlocked):
    """A live host of the platform was called in a way that cannot be rerouted."""
