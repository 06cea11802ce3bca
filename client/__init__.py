"""A minimal client of the endpoint: `Client(api_key).generate(...)` gives a `Video`.

It stands on `requests` alone and knows nothing of the emulator; emulator and live API differ by `base_url`.
"""

from mockling.client.client import LIVE, Client
from mockling.client.errors import (
    ApiError,
    BadGateway,
    BadRequest,
    BrokenAnswer,
    Forbidden,
    GatewayTimeout,
    Gone,
    InsufficientCredits,
    MethodNotAllowed,
    NoAnswer,
    NotDownloaded,
    NotFound,
    NotSent,
    RateLimited,
    ServerError,
    Unauthorized,
    UnexpectedStatus,
)
from mockling.client.video import Video

__all__ = [
    "LIVE",
    "ApiError",
    "BadGateway",
    "BadRequest",
    "BrokenAnswer",
    "Client",
    "Forbidden",
    "GatewayTimeout",
    "Gone",
    "InsufficientCredits",
    "MethodNotAllowed",
    "NoAnswer",
    "NotDownloaded",
    "NotFound",
    "NotSent",
    "RateLimited",
    "ServerError",
    "Unauthorized",
    "UnexpectedStatus",
    "Video",
]
