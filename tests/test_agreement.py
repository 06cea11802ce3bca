"""Emulator, client and contract agree on what is valid, through real HTTP."""

from typing import Any

import pytest
import requests
from calling import make_key
from hypothesis import HealthCheck, given, settings

from mockling.client import BadRequest, Client
from mockling.contract import load
from mockling.contract.strategies import broken_requests, valid_requests
from mockling.emulator import Emulator

CONTRACT = load()
EVERY_EXAMPLE = settings(max_examples=100, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def session() -> Any:
    """A connection that is kept open."""
    with requests.Session() as kept:
        kept.headers["x-api-key"] = make_key()
        yield kept


@EVERY_EXAMPLE
@given(valid_requests(CONTRACT))
def test_every_valid_request_is_accepted(
    emulator: Emulator, session: requests.Session, request_body: dict[str, Any]
) -> None:
    """Requests that the document allows are all answered with 200, and the answers keep the contract."""
    response = session.post(emulator.url + CONTRACT.path("generate"), json=request_body, timeout=30)
    assert response.status_code == 200, response.text
    assert CONTRACT.response_violations("generate", 200, response.headers, response.content) == []
    assert response.json()["metrics"]["cost"] == float(CONTRACT.model.price(request_body))


@EVERY_EXAMPLE
@given(broken_requests(CONTRACT))
def test_every_broken_request_is_refused(
    emulator: Emulator, session: requests.Session, broken: tuple[dict[str, Any], str]
) -> None:
    """Requests with one broken field are all answered with 400, and the text names that field."""
    request_body, path = broken
    response = session.post(emulator.url + CONTRACT.path("generate"), json=request_body, timeout=30)
    assert response.status_code == 400
    assert response.json()["error"].startswith(path.removeprefix("$.") + " ")
    assert CONTRACT.response_violations("generate", 400, response.headers, response.content) == []


@EVERY_EXAMPLE
@given(valid_requests(CONTRACT))
def test_the_client_sends_what_it_is_given(emulator: Emulator, request_body: dict[str, Any]) -> None:
    """The client's parameters are the endpoint's: valid requests succeed through it."""
    video = Client(make_key(), emulator.url).generate(**request_body)
    assert video.cost == CONTRACT.model.price(request_body)


def can_be_sent(broken: tuple[dict[str, Any], str]) -> bool:
    """Say whether the client can send a request: it has what Python requires, and no None, which means "not given"."""
    return {"prompt", "video_url"} <= broken[0].keys() and None not in broken[0].values()


@EVERY_EXAMPLE
@given(broken_requests(CONTRACT).filter(can_be_sent))
def test_the_client_sees_the_refusal(emulator: Emulator, broken: tuple[dict[str, Any], str]) -> None:
    """Requests with a broken field are each a `BadRequest` that names it."""
    request_body, path = broken
    with pytest.raises(BadRequest) as caught:
        Client(make_key(), emulator.url).generate(**request_body)
    assert caught.value.message.startswith(path.removeprefix("$.") + " ")
