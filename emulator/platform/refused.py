"""The refusal of a request, wherever on its way it happens."""

from __future__ import annotations

from collections.abc import Mapping


class Refused(Exception):
    """A request is refused.

    `case` names the error of the contract that answers it, `values` go into that error's text, `headers` onto the
    response, `violations` into the journal, and `resets`: the moment at which its rate limit is reset (None: there is
    none).
    """

    def __init__(
        self,
        case: str,
        *,
        headers: Mapping[str, str] | None = None,
        violations: list[str] | None = None,
        resets: float | None = None,
        **values: object,
    ) -> None:
        super().__init__(case)
        self.case = case
        self.headers = headers or {}
        self.violations = violations or []
        self.resets = resets
        self.values = values
