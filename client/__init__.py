"""A minimal client of the endpoint: `Client(api_key).generate(...)` gives a `Video`, `.submit(...)` a `Job`.

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
    GenerationFailed,
    Gone,
    InsufficientCredits,
    MethodNotAllowed,
    NoAnswer,
    NotDownloaded,
    NotFound,
    NotSent,
    PaymentRequired,
    RateLimited,
    ServerError,
    Unauthorized,
    UnexpectedStatus,
    WaitTimeout,
)
from mockling.client.job import Job
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
    "GenerationFailed",
    "Gone",
    "InsufficientCredits",
    "Job",
    "MethodNotAllowed",
    "NoAnswer",
    "NotDownloaded",
    "NotFound",
    "NotSent",
    "PaymentRequired",
    "RateLimited",
    "ServerError",
    "Unauthorized",
    "UnexpectedStatus",
    "Video",
    "WaitTimeout",
]
