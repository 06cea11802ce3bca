"""The errors of a call.

ApiError                      everything below
├── BadRequest                400
├── Unauthorized              401
├── Forbidden                 403
├── NotFound                  404
├── MethodNotAllowed          405
├── InsufficientCredits       406
│   └── PaymentRequired       402, which is how a submission may say the same (D2)
├── Gone                      410
├── GenerationFailed          422: a submitted job failed
├── RateLimited               429
├── ServerError               500
├── BadGateway                502
├── GatewayTimeout            504
├── UnexpectedStatus          any other status that is not 200
├── NotSent                   the server was never reached; nothing was sent, nothing can be billed
├── NoAnswer                  the request was sent, and the answer did not come
├── BrokenAnswer              an answer came that cannot be used, such as a truncated video
├── NotDownloaded             the video was generated, and could not be fetched from its URL
└── WaitTimeout               a submitted job was not done in the time it was waited for; it goes on
"""

from __future__ import annotations


class ApiError(Exception):
    """A call failed.

    `status` is the HTTP status of the answer (None: there was none), `message` what the server said or what happened,
    `request_id` the id the server gave the request (None: none), `advice` what to do.
    """

    advice = "Try again later."

    def __init__(self, message: str, *, status: int | None = None, request_id: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.request_id = request_id

    def __str__(self) -> str:
        status = f"{self.status}: " if self.status else ""
        request = f" (request {self.request_id})" if self.request_id else ""
        line = f"{status}{self.message.rstrip('.')}. {self.advice}{request}"
        return line if line.isprintable() else "".join(sign if sign.isprintable() else "?" for sign in line)


class BadRequest(ApiError):
    """400: a parameter or the request's format is invalid."""

    advice = "Correct the parameter; nothing was billed."


class Unauthorized(ApiError):
    """401: the key is missing or invalid."""

    advice = "Check the API key: it is api_key, --api-key, or SEGMIND_API_KEY in the environment."


class Forbidden(ApiError):
    """403: the key may not do this."""

    advice = "Use a key that may call this model."


class NotFound(ApiError):
    """404: there is no such model, endpoint, job or file."""

    advice = "Check the name of what is asked for and the base URL, which names the server alone, no path such as /v1."


class MethodNotAllowed(ApiError):
    """405: the address does not take this verb."""

    advice = "Check the base URL; something else than the API seems to answer there."


class InsufficientCredits(ApiError):
    """406: the balance does not cover the call (or the content type is not accepted)."""

    advice = "Add credits, ask for less (a shorter duration, mode 'std'), or correct what it names; nothing was billed."


class PaymentRequired(InsufficientCredits):
    """402: the balance does not cover the job (D2)."""


class Gone(ApiError):
    """410: the model was retired."""

    advice = "Use another model; nothing was billed."


class GenerationFailed(ApiError):
    """422: a submitted job ended without a video; the message is the server's (A5)."""

    advice = "Nothing was billed; correct what the message names, or submit it again."


class RateLimited(ApiError):
    """429: too many requests; `resets_at` is the time (UTC, as the server wrote it) from which calls pass again."""

    advice = "Wait until the rate limit resets; nothing was billed."

    resets_at: str | None = None


class ServerError(ApiError):
    """500: the server failed."""

    advice = "Nothing was billed; if the message names the input video, check that, or try again."


class BadGateway(ApiError):
    """502: the service is unavailable for now."""

    advice = "Nothing was billed; try again later."


class GatewayTimeout(ApiError):
    """504: the request took too long."""

    advice = "Nothing was billed; try again later, with a shorter duration or mode 'std'."


class UnexpectedStatus(ApiError):
    """A status that the endpoint does not document."""

    advice = "Look at the balance before it is sent again; and at the base URL, for a proxy may have answered."


class NotSent(ApiError):
    """The server was never reached; nothing was sent, so nothing can be billed."""

    advice = "Nothing was sent or billed; check the base URL, the network and the parameters."


class NoAnswer(ApiError):
    """The request was sent, and no answer came: the time-out passed or the connection broke."""

    advice = "The generation may have been started and billed; check your account before you send it again."


class BrokenAnswer(ApiError):
    """An answer came that cannot be used: no JSON, empty, or a video that is not whole."""

    advice = "The generation was probably billed; download the video again from its URL if there is one."


class NotDownloaded(ApiError):
    """The video was generated and paid for, and could not be fetched from its URL."""

    advice = "It was paid for and may still be at its URL for a limited time: save it again."


class WaitTimeout(ApiError):
    """A submitted job was not done in the time it was waited for; it goes on."""

    advice = "The job goes on, and is billed if it succeeds: pick it up again by its request id, within an hour."


BY_STATUS: dict[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthorized,
    402: PaymentRequired,
    403: Forbidden,
    404: NotFound,
    405: MethodNotAllowed,
    406: InsufficientCredits,
    410: Gone,
    422: GenerationFailed,
    429: RateLimited,
    500: ServerError,
    502: BadGateway,
    504: GatewayTimeout,
}
