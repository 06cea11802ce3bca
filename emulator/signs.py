"""Signs: what marks Mockling's own in HTTP, and is none of the platform's.

Most are headers in which a rerouted call and an emulator agree on time-outs. A caller's time-out is in the platform's
seconds, of which an emulator lets pass more or fewer than are real. So the call says how long it would wait, and the
emulator, instead of letting it wait, that it would have waited in vain.
"""

from functools import cache

CONTROL = "/_mockling"  # below it is the control API
FAULT = "x-mockling-fault"  # of a request: the fault that is to strike it
PATIENCE = "x-mockling-patience"  # of a request: the simulated seconds within which its caller wants to hear something
TIMED_OUT = "x-mockling-timed-out"  # of a response: there is none within them
STALLS = "x-mockling-stalls"  # of a response: no more comes than what is sent until the connection closes
ANSWERED = (TIMED_OUT, STALLS)


def told(patience: float | None) -> str:
    """Return how a call says what its caller's patience is; None: it never ends."""
    return "inf" if patience is None else str(patience)


@cache
def variable(header: str) -> str:
    """Return what a header is called in a WSGI environment."""
    return f"HTTP_{header.upper().replace('-', '_')}"
