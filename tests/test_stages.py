"""The stages of a request: which path and verb there is, and which error comes before which."""

from typing import Any

import pytest
import requests
from calling import BAD_KEY, GOOD_KEY, INPUTS, SLUG, V1, V2, Local, post, text

from mockling.contract import ContractError
from mockling.emulator import AccountSettings, Emulator

ORDER = ["method", "key", "model", "permission", "rate", "content-type", "JSON", "parameters", "inputs", "credits",
         "generation"]  # fmt: skip
WEB_PATHS = ["/v1/requests/a", "/v2/requests/a", "/v2/requests/a/status", "/v1/get-user-credits", "/assets/a.mp4",
             "/generations/a.mp4"]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "key", "status", "told"),
    [
        ("/v1/kling-o9", GOOD_KEY, 404, "Model 'kling-o9' not found"),
        ("/v2/kling-o9", GOOD_KEY, 404, "Model 'kling-o9' not found"),
        ("/v1/kling-o9", BAD_KEY, 401, "Unauthorized"),
        ("/v1/mockling-retired-model", GOOD_KEY, 410, "has been retired"),
        ("/v1/mockling-retired-model", "SG_0000000000000403", 410, "has been retired"),
        ("/elsewhere", None, 404, "No endpoint at /elsewhere"),
        ("/v1/a/b", None, 404, "No endpoint at /v1/a/b"),
        (f"/v1//{SLUG}", None, 404, f"No endpoint at /v1//{SLUG}"),
        (f"//v1/{SLUG}", None, 404, f"No endpoint at //v1/{SLUG}"),
        (f"/v1%2F{SLUG}", GOOD_KEY, 404, f"No endpoint at /v1/{SLUG}"),
        (f"/v1%2f{SLUG}", GOOD_KEY, 404, f"No endpoint at /v1/{SLUG}"),
        (f"/v1/{SLUG}/", GOOD_KEY, 404, f"No endpoint at /v1/{SLUG}/"),
        (f"/v1/{SLUG.upper()}", GOOD_KEY, 404, f"Model '{SLUG.upper()}' not found"),
        ("/generations/none.mp4", None, 405, None),
    ],
)
def test_an_unknown_or_retired_model_or_path_is_refused(
    emulator: Emulator, sample: dict[str, Any], path: str, key: str | None, status: int, told: str | None
) -> None:
    """Unknown models and paths are 404, a retired model is 410 (P17, G5, G9); paths are taken as written (M15)."""
    response = post(emulator, sample, key, path)
    assert response.status_code == status
    assert told is None or told in text(response)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "HEAD", "TRACE", "PURGE"])
def test_another_verb_is_answered_with_an_html_page(emulator: Emulator, method: str) -> None:
    """405 is the one error that is HTML, and it says which verbs there are (G6); it comes before the key (M5)."""
    response = requests.request(method, emulator.url + V1, timeout=30)
    assert response.status_code == 405
    assert response.headers["content-type"].startswith("text/html")
    assert response.headers["allow"] == "OPTIONS, POST"
    assert (method == "HEAD") == (response.text == "")
    assert method == "HEAD" or "Method Not Allowed" in response.text


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        *((path, "GET, HEAD, OPTIONS") for path in WEB_PATHS),
        *((path, "OPTIONS, POST") for path in ("/upload-asset", V1, V2)),
    ],
)
def test_every_path_has_its_own_verbs_and_no_other(local: Local, path: str, allowed: str) -> None:
    """Wherever there is an endpoint another verb is 405, even where /v1/<model> would take the name for a model's."""
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PURGE"} - {*allowed.split(", ")}:
        response = local.call(method, path, GOOD_KEY)
        assert (response.status_code, response.headers["allow"]) == (405, allowed)


@pytest.mark.parametrize("path", [V1, V2])
def test_each_stage_comes_before_the_next(sample: dict[str, Any], path: str) -> None:
    """A request that fails at every stage meets the errors in the contract's order as they are mended (M5)."""
    accounts = [AccountSettings(key="limited", plan="free", models=()), AccountSettings(key="poor", credits=0)]
    unknown, narrow = path.replace(SLUG, "unknown"), {**sample, "video_url": f"{INPUTS}narrow.mp4"}
    local = Local(speed="instant", accounts=accounts, answers={"D5": "at-once"})
    steps: list[tuple[str, str, str | None, dict[str, Any], int, str]] = [
        ("PUT", unknown, None, {"data": b"{", "content_type": "x/y"}, 405, "Not Allowed"),
        ("POST", unknown, BAD_KEY, {"data": b"{", "content_type": "x/y"}, 401, "Unauthorized"),
        ("POST", unknown, "limited", {"data": b"{", "content_type": "x/y"}, 404, "Model"),
        ("POST", path, "limited", {"data": b"{", "content_type": "x/y"}, 403, "permission"),
        ("POST", path, "SG_0000000000000429", {"data": b"{", "content_type": "x/y"}, 429, "Rate limit"),
        ("POST", path, "poor", {"data": b"{", "content_type": "x/y"}, 406, "Invalid content type"),
        ("POST", path, "poor", {"data": b"{", "content_type": "application/json"}, 400, "Invalid JSON"),
        ("POST", path, "poor", {"json": {**narrow, "mode": "x"}}, 400, "mode"),
        ("POST", path, "poor", {"json": narrow}, 400, "640 pixels"),
        ("POST", path, "poor", {"json": sample}, 406, "credits"),
        ("POST", path, "SG_0000000000000500", {"json": sample}, 500 if path == V1 else 200, ""),
    ]
    assert [step.replace(" ", "-") for step in local.contract.document["x-behaviour"]["check_order"]] == ORDER
    assert len(steps) == len(ORDER)
    for method, where, key, sent, status, told in steps:
        response = local.call(method, where, key, **sent)
        assert (response.status_code, told in response.text) == (status, True), response.text


def test_what_is_refused_before_the_rate_does_not_count_against_it() -> None:
    """The requests that are counted are those that come as far as the rate (M5)."""
    accounts = [AccountSettings(key="a", models=(SLUG,))]
    local = Local(speed="instant", accounts=accounts, requests_per_minute=2)
    for path, status in [("/v1/x", 404), ("/v1/x", 404), (V1, 400), (V1, 400), (V1, 429)]:
        assert local.post(path, "a", {}).status_code == status


def order(*names: str) -> dict[str, Any]:
    """Return the change of the contract that has the stages in an order."""
    return {"x-behaviour": {"check_order": [name.replace("-", " ") for name in names]}}


def moved(name: str, before: str) -> dict[str, Any]:
    """Return the contract's order but for one stage."""
    names = [one for one in ORDER if one != name]
    names.insert(names.index(before), name)
    return order(*names)


@pytest.mark.parametrize(
    ("name", "before", "key", "path", "sent", "statuses"),
    [
        ("rate", "model", "limited", "/v1/unknown", {"json": {}}, (404, 429)),
        ("key", "method", None, V1, None, (405, 401)),
        ("model", "key", None, "/v1/unknown", {"json": {}}, (401, 404)),
        ("content-type", "key", None, V1, {"data": b"", "content_type": "x/y"}, (401, 406)),
        ("permission", "model", "forbidden", "/v1/unknown", {"json": {}}, (404, 403)),
    ],
)
def test_the_order_can_be_changed(
    name: str, before: str, key: str | None, path: str, sent: dict[str, Any] | None, statuses: tuple[int, int]
) -> None:
    """A request with two faults meets the one whose stage comes first."""
    accounts = [AccountSettings(key="limited"), AccountSettings(key="forbidden", models=())]
    for change, status in zip(({}, moved(name, before)), statuses, strict=True):
        local = Local(speed="instant", accounts=accounts, requests_per_minute=1, contract=change)
        if key == "limited":
            assert local.post(V1, key, {}).status_code == 400
        assert local.call("POST" if sent else "GET", path, key, **(sent or {})).status_code == status


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (order(*ORDER[1:]), "check_order must name each of method, key, .* once, got key, model"),
        (order(*ORDER, "method"), "check_order must name each of"),
        (order(*ORDER[:-1], "dance"), "check_order must name each of .*, got .*, dance"),
        (moved("permission", "key"), "check_order must have key before permission, for permission needs it"),
        (moved("parameters", "JSON"), "check_order must have JSON before parameters"),
        (moved("generation", "key"), "check_order must have key .* before generation|check_order must have permission"),
        (moved("credits", "permission"), "check_order must have inputs before credits, for credits needs it"),
        (moved("JSON", "model"), "check_order must have model before JSON"),
    ],
)
def test_an_order_without_sense_is_refused_with_the_reason(change: dict[str, Any], told: str) -> None:
    """No stage may be left out, or come before what it needs."""
    with pytest.raises(ContractError, match=told):
        Local(contract=change)


def test_browsers_may_call_from_any_page(emulator: Emulator) -> None:
    """A preflight for the key's header succeeds without a key, and an answer's headers can be read (G16)."""
    headers = {
        "Origin": "https://app.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-api-key, content-type",
    }
    preflight = requests.options(emulator.url + V1, headers=headers, timeout=30)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert preflight.headers["access-control-allow-headers"] == "x-api-key, content-type"
    assert "POST" in preflight.headers["access-control-allow-methods"]
