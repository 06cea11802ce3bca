"""Defects: what the emulator says when it fails itself, or the machine it runs on does."""

from typing import Any

import pytest
import requests
from calling import GOOD_KEY, V1, V2, Local, make_key, post, text
from werkzeug.exceptions import Conflict, HTTPException, UnsupportedMediaType

from mockling import fixtures
from mockling.emulator import Emulator

NO_SPACE = "The emulator could not write the output video: No space left on device"


def full(*_: object, **__: object) -> None:
    """Do what a full disk does."""
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("path", [V1, V2])
def test_a_defect_of_the_emulator_is_told_as_one(
    sample: dict[str, Any], monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """If the emulator itself fails, the answer is JSON that says it is no behaviour of the live API; it is logged."""
    local = Local(speed="instant")
    with monkeypatch.context() as patch:
        patch.setattr("mockling.contract.Model.warnings", lambda *_: 1 / 0)
        response = local.post(path, GOOD_KEY, sample)
    assert response.status_code == 500
    assert "a defect of Mockling" in response.get_json()["error"]
    assert (local.journal[-1].status, local.journal[-1].error) == (500, response.get_json()["error"])
    assert local.balance(GOOD_KEY) == 100


def test_a_defect_while_a_call_is_held_is_told_and_free(
    sample: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure when the answer is made is the same JSON, in the journal, and nothing is billed."""
    with Emulator(speed=5000, credits="2.10") as emulator:
        key = make_key()
        with monkeypatch.context() as patch:
            patch.setattr("mockling.emulator.http.responses.Responses.generation", lambda *_: 1 / 0)
            response = post(emulator, sample, key)
        assert "a defect of Mockling" in text(response)
        assert [exchange.status for exchange in emulator.journal] == [500]
        assert post(emulator, sample, key).status_code == 200


@pytest.mark.parametrize("fails", [True, False])
def test_an_output_that_vanished_is_made_again_or_told(
    sample: dict[str, Any], monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    """A video removed from the temporary folder is cut again when it is fetched; if it cannot be, that is told."""
    with Emulator(speed="instant") as emulator:
        url = post(emulator, sample, make_key()).json()["output"]
        fixtures.render(1920, 1080, 5, audio=False).path.unlink()
        if fails:
            monkeypatch.setattr("mockling.fixtures.render", full)
        response = requests.get(url, timeout=30)
        assert response.status_code == (500 if fails else 200)
        assert not fails or text(response) == NO_SPACE


@pytest.mark.parametrize("path", [V1, V2])
def test_a_full_disk_is_told(sample: dict[str, Any], monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """If the output cannot be written the call is a 500 that says why, and nothing is billed or promised."""
    local = Local(speed="instant", credits="2.10")
    with monkeypatch.context() as patch:
        patch.setattr("mockling.fixtures.render", full)
        response = local.post(path, GOOD_KEY, sample)
    assert (response.status_code, response.get_json()) == (500, {"error": NO_SPACE})
    assert local.post(path, GOOD_KEY, sample).status_code == 200


def test_an_upload_that_cannot_be_written_is_told(local: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is a 500 for an upload too."""
    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    response = local.post("/upload-asset", GOOD_KEY, {"data_urls": ["data:text/plain;base64,aGk="]})
    assert response.status_code == 500
    assert "No space left on device" in response.get_json()["error"]


@pytest.mark.parametrize("path", [V1, V2, "/v1/get-user-credits", "/nowhere"])
@pytest.mark.parametrize("host", ["a" * 64, f"{'a' * 5000}.test", "a..b", ".."])
def test_a_host_that_cannot_be_is_told(emulator: Emulator, host: str, path: str) -> None:
    """A name with a part that is too long or empty is 400, and the text is about the Host and nothing else."""
    response = requests.post(emulator.url + path, headers={"Host": host}, timeout=30)
    assert response.status_code == 400
    assert text(response) == "Invalid request: its Host is no name; each part of one has 1 to 63 characters"


@pytest.mark.parametrize("error", [UnsupportedMediaType("No such charset"), Conflict("Too late")])
def test_what_else_http_refuses_is_told_in_its_own_words(
    local: Local, monkeypatch: pytest.MonkeyPatch, error: HTTPException
) -> None:
    """Whatever the framework refuses a request for is 400 with its reason."""

    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr("mockling.emulator.http.generations.read_body", refuse)
    response = local.post(V1, GOOD_KEY, {})
    told = {"error": f"Invalid request: {error.description}"}
    assert (response.status_code, response.get_json()) == (400, told)


def test_what_was_called_otherwise_before_says_what_it_is_called_now() -> None:
    """Old names raise an AttributeError that names the new ones; a name that never was lists those there are."""
    import mockling.emulator

    with pytest.raises(AttributeError, match="Entry is Exchange now"):
        _ = mockling.emulator.Entry
    with pytest.raises(AttributeError, match="has no 'Emulater'; it has AccountSettings, "):
        _ = mockling.emulator.Emulater
