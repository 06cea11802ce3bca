"""Properties of the client against the target: what any request leads to, whoever answers.

No request here can buy a generation: it is refused, or its inputs are where nobody can fetch them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings

from mockling.client import ApiError, Client, ServerError, UnexpectedStatus
from mockling.client.errors import BY_STATUS
from mockling.contract import Model
from mockling.contract.exchange import money
from mockling.contract.strategies import broken_requests, valid_requests
from mockling.contract.suite.options import Verified
from mockling.contract.verification.harmless import disarmed, fails, led_nowhere
from mockling.contract.verification.probe import Cost, Need
from mockling.contract.verification.running import NOT_ASKED_FOR

FEW, MANY = 5, 100  # examples against a target that limits requests, and against the emulator


@pytest.fixture
def client(verified: Verified) -> Iterator[Client]:
    """Give a client of the target, with the good key; what its calls cost is compared with the balance."""
    if Need.GOOD not in verified.target.offers:
        pytest.skip(f"It needs {Need.GOOD.value}.")
    if Cost.FREE_IF_TRUE not in verified.asked.costs:
        pytest.skip(NOT_ASKED_FOR[Cost.FREE_IF_TRUE])
    _skip_what_is_too_dear(verified)
    target = verified.target
    client = Client(target.keys[Need.GOOD], target.url, target.timeout, storage_url=target.storage_url)
    verified.guard.begin(lambda _: _balance(client), {Need.GOOD}, {Need.GOOD})
    yield client
    verified.guard.end()
    assert verified.guard.spending.stopped is None


def _skip_what_is_too_dear(verified: Verified) -> None:
    """Skip a test whose requests, each at its worst, do not fit into what is left of the budget."""
    spending = verified.guard.spending
    worst = max(map(_worst, verified.contract.models.values()))
    if spending.budget is not None and worst > (left := spending.budget - spending.counted):
        pytest.skip(f"What it draws may be billed ${money(worst)}, and of the budget ${money(left)} is left.")


def _worst(model: Model) -> Decimal:
    """Return the most US dollars that a request of a model may be billed."""
    return max(map(model.price, model.combinations()))


def _balance(client: Client) -> Decimal | None:
    with suppress(ApiError):
        return client.credits()
    return None


def _refused(verified: Verified, client: Client, model: Model, request: dict[str, Any]) -> ApiError:
    """Return the error that a request ends with, under the guard: a video would stop all that comes after it."""
    guard = verified.guard
    reserved = guard.reserve(_worst(model), f"the client's call of {model.slug}")
    try:
        client.generate_with(model.slug, **request)
    except ApiError as error:
        reserved.settle(error.status)
        return error
    reserved.settle(200)
    guard.stop(f"a request of {model.slug} that must fail was answered with a video")
    pytest.fail(f"A video came for {request!r}.")


def _properties(verified: Verified) -> settings:
    return settings(
        max_examples=FEW if verified.asked.guarded else MANY,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


def _broken_are_refused(verified: Verified, client: Client, model: Model) -> None:
    """Check that a request that breaks the contract in one place ends in the error of the documented status."""
    status: int = verified.contract.refusal("invalid_parameter", message="").status

    @_properties(verified)
    @given(drawn=broken_requests(model))
    def check(drawn: tuple[dict[str, Any], str]) -> None:
        assume(None not in drawn[0].values())  # which the client leaves out
        error = _refused(verified, client, model, led_nowhere(drawn[0]))
        assert type(error) is BY_STATUS.get(status, UnexpectedStatus), f"{drawn[1]}: {error}"
        assert error.message

    check()


def _unfetchable_fail(verified: Verified, client: Client, model: Model) -> None:
    """Check that a request that keeps the contract, and whose inputs nobody can fetch, is a failure of the server."""

    @_properties(verified)
    @given(request=valid_requests(model))
    def check(request: dict[str, Any]) -> None:
        sent = disarmed(model, led_nowhere(request))
        assume(fails(model, sent))
        assert isinstance(_refused(verified, client, model, sent), ServerError)

    check()


def test_a_broken_request_is_refused(verified: Verified, client: Client) -> None:
    """A request that breaks the contract in one place ends in the client's error of the documented status."""
    for model in verified.contract.models.values():
        _broken_are_refused(verified, client, model)


def test_a_valid_request_whose_inputs_nobody_can_fetch_costs_nothing(verified: Verified, client: Client) -> None:
    """A request that keeps the contract is accepted, and fails where its inputs cannot be fetched; nobody pays."""
    before = client.credits()
    for model in verified.contract.models.values():
        if fails(model, disarmed(model, model.example)):
            _unfetchable_fail(verified, client, model)
    assert client.credits() == before
