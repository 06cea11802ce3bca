"""What the emulator's HTTP remembers, looks at and takes: up to each of its bounds, and no further."""

import gc
import weakref
from typing import Any

import aiohttp
import pytest
import requests
from calling import GOOD_KEY, V1, V2, Local
from rerouted import in_session

from mockling.emulator import Emulator
from mockling.emulator.http import masking
from mockling.emulator.listening import wsgi
from mockling.emulator.listening.bodies import Body

SECRET = "SG_fedcba9876543210"


def test_the_names_of_headers_are_remembered_up_to_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond it, and from a length on, they are recorded as well, and not remembered."""
    monkeypatch.setattr(masking, "_NAMES", {})
    longest, longer = ("HTTP_" + "X" * (masking.LONGEST_NAME - more) for more in (6, 5))
    headers, _ = masking.sent_of({longest: "1", longer: "2"})
    assert headers == ((longest[5:].lower(), "1"), (longer[5:].lower(), "2"))
    assert list(masking._NAMES) == [longest]
    for number in range(masking.MOST_NAMES + 1):
        assert masking.sent_of({f"HTTP_X_{number}": "a"})[0] == ((f"x-{number}", "a"),)
    assert len(masking._NAMES) == masking.MOST_NAMES


def test_the_variables_of_headers_are_remembered_up_to_a_number() -> None:
    """Likewise where a request becomes its environment, and for the names of responses' headers."""
    known, sent = wsgi._variable, wsgi._wire_name
    known.cache_clear()

    def variables(*names: bytes) -> dict[str, Any]:
        scope: Any = {
            "method": "GET", "path": "/", "raw_path": b"/", "query_string": b"", "http_version": "1.1",
            "scheme": "http", "server": None, "client": None, "headers": [(name, b"a") for name in names],
        }  # fmt: skip
        environ = wsgi.environ_of(scope, Body())
        return {name: value for name, value in environ.items() if name.startswith("HTTP_")}

    assert variables(b"x" * 99, b"y" * 100) == {"HTTP_" + "X" * 99: "a", "HTTP_" + "Y" * 100: "a"}
    assert known.cache_info().currsize == 1
    for number in range(1200):
        assert variables(b"x-%d" % number) == {f"HTTP_X_{number}": "a"}
        wsgi.Start()("200 OK", [(f"X-{number}", "a")])
    assert known.cache_info().currsize == sent.cache_info().currsize == 1024


@pytest.mark.parametrize(("key", "shown"), [("abcd-12", "/abcd-12/b"), ("abcd-123", "/.../b")])
def test_a_key_is_masked_elsewhere_from_eight_characters_on(key: str, shown: str) -> None:
    """A shorter one may be a word of something else."""
    local = Local(accounts=[{"key": key}])
    local.get(f"/{key}/b", key)
    assert local.journal[-1].path == shown
    assert local.journal[-1].exposed == (("URL",) if "..." in shown else ())


@pytest.mark.parametrize(("word", "shown"), [("twelve-lette", "/...ette"), ("eleven-lett", "/eleven-lett")])
def test_a_part_of_a_secret_header_is_a_secret_from_twelve_characters_on(local: Local, word: str, shown: str) -> None:
    """A shorter word may stand in many other places."""
    local.get(f"/{word}", headers={"authorization": f"Basic {word}"})
    assert local.journal[-1].path == shown


def test_the_first_secrets_of_a_call_are_masked(local: Local) -> None:
    """A call that has many, or one without an end, is not looked through for all of them."""
    many = [f"{number}-secret" for number in range(masking.MOST_SECRETS + 1)]
    local.get("/a?" + "&".join(f"key={one}" for one in many), headers={"x-note": ",".join(many)})
    assert dict(local.journal[-1].request.headers)["x-note"] == "...," * masking.MOST_SECRETS + many[-1]
    words = [f"{number}-longer-secret" for number in range(masking.MOST_SECRETS + 1)]
    local.get("/a", headers={"authorization": ",".join(words), "x-note": " ".join(words)})
    assert dict(local.journal[-1].request.headers)["x-note"] == "...cret " * masking.MOST_SECRETS + words[-1]
    for size, shown in ((masking.LONGEST_READ, "...ette"), (masking.LONGEST_READ + 1, "twelve-lette")):
        filled = "twelve-lette".rjust(size, ",")
        local.get("/a", headers={"authorization": filled, "x-note": "twelve-lette"})
        assert dict(local.journal[-1].request.headers)["x-note"] == shown


def test_as_much_of_a_path_and_a_query_is_kept_as_of_a_line(local: Local) -> None:
    """Two hundred characters of each are recorded, and a hundred of what is not found."""
    local.get(f"/{'a' * 199}?{'b' * 200}")
    assert local.journal[-1].path == f"/{'a' * 199}?{'b' * 200}"
    local.get(f"/{'a' * 200}?{'b' * 201}")
    assert local.journal[-1].path == f"/{'a' * 199}?{'b' * 200}"
    for path, key in (("/assets/{}", None), ("/generations/{}", None)):
        error = local.get(path.format("a" * 101), key).get_json()["error"]
        assert "a" * 100 in error
        assert "a" * 101 not in error
    for path in (V1, V2):
        slug = "a" * 101
        local.post(path.rpartition("/")[0] + "/" + slug, GOOD_KEY, {})
        assert local.journal[-1].model == slug[:100]
    local.get(f"/v2/requests/{'a' * 101}", GOOD_KEY)
    assert local.journal[-1].request_id == "a" * 100


@pytest.mark.parametrize(("size", "status"), [(1000, 200), (1001, 406)])
def test_a_content_type_has_a_length(local: Local, sample: dict[str, Any], size: int, status: int) -> None:
    """A thousand characters are one with its parameters, and one more is none."""
    kind = "application/json; a=".ljust(size, "b")
    response = local.call("POST", V2, GOOD_KEY, json=sample, content_type=kind)
    assert response.status_code == status


@pytest.mark.parametrize(("size", "status"), [(62, 401), (63, 401), (64, 400)])
def test_a_label_of_a_host_has_a_length(local: Local, size: int, status: int) -> None:
    """Up to 63 characters name a host."""
    assert local.get("/v1/get-user-credits", headers={"host": "a" * size}).status_code == status


PARTS = 60


@pytest.mark.parametrize("part", [b",", b":", b"[", b"{", b"\\\\"])
@pytest.mark.parametrize("more", [0, 1])
def test_a_body_has_as_many_parts_as_are_taken(sample: dict[str, Any], part: bytes, more: int) -> None:
    """Commas, colons, brackets and escapes are counted; at the bound all is well, and one more is too much (M19)."""
    local = Local(contract={"x-limits": {"json_parts": PARTS}})
    prompt = b'{"video_url":"%b","prompt":"%b"}'
    url = sample["video_url"].encode()
    used = sum(map((prompt % (url, b"")).count, (b",", b":", b"[", b"{", b"\\")))
    text = part * ((PARTS - used) // part.count(part[:1])) + b"," * ((PARTS - used) % part.count(part[:1]))
    body = prompt % (url, text + b"," * more)
    response = local.call("POST", V2, GOOD_KEY, data=body, content_type="application/json")
    assert (response.status_code, f"holds too much. At most {PARTS} " in response.text) == (
        (400, True) if more else (200, False)
    )


@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize("part", [b"\r\n", b"; "])
def test_a_form_has_as_many_parts_as_are_taken(sample: dict[str, Any], part: bytes, more: int) -> None:
    """Its lines, and what they say beside their first word, are counted (M19)."""
    local = Local(contract={"x-limits": {"json_parts": PARTS}})
    fields = {"video_url": sample["video_url"], "prompt": "{}"}
    lines = [
        f'--cut\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name, text in fields.items()
    ]
    form = "".join([*lines, "--cut--\r\n"]).encode()
    used = form.count(b"\r\n") + form.count(b"; ")
    body = form.replace(b"{}", part * (PARTS - used + more))
    response = local.call("POST", V2, GOOD_KEY, data=body, content_type="multipart/form-data; boundary=cut")
    assert (response.status_code, "holds too much" in response.text) == ((400, True) if more else (200, False))


def test_contracts_are_kept_for_another_reset_up_to_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands behind an emulator is made once for each contract, and again when there were too many."""
    monkeypatch.setattr("mockling.emulator.listening.server.MOST_APPLICATIONS", 2)
    with Emulator(speed="instant") as emulator:
        first = emulator.platform
        emulator.reset(answers={"D1": "video"})
        second = emulator.platform
        assert second is not first
        emulator.reset()
        assert emulator.platform is first
        emulator.reset(answers={"D1": "video"})
        assert emulator.platform is second
        emulator.reset(answers={"D2": "402"})
        emulator.reset()
        assert emulator.platform is not first
        gc.collect()


def test_a_pool_that_was_rerouted_is_forgotten_with_its_last_user(emulator: Emulator) -> None:
    """A session that is gone leaves nothing behind within a block that goes on."""
    with emulator.intercept():
        with requests.Session() as session:
            url = "https://api.segmind.com/v1/get-user-credits"
            assert session.get(url, headers={"x-api-key": GOOD_KEY}, timeout=30).ok
            pool = weakref.ref(
                session.get_adapter(url).get_connection_with_tls_context(requests.Request("GET", url).prepare(), True)
            )
            assert pool() is not None
        del session
        gc.collect()
        assert pool() is None


def test_a_connection_of_aiohttp_is_forgotten_when_it_is_over(emulator: Emulator) -> None:
    """Likewise its connections, of which each knows what its time-out is."""
    connections: list[weakref.ref[Any]] = []

    class Response(aiohttp.ClientResponse):
        async def start(self, connection: Any) -> aiohttp.ClientResponse:
            connections.append(weakref.ref(connection))
            return await super().start(connection)

    async def ask(session: aiohttp.ClientSession) -> bytes:
        url = "https://api.segmind.com/v1/get-user-credits"
        async with session.get(url, headers={"x-api-key": GOOD_KEY}) as response:
            return await response.read()

    with emulator.intercept():
        assert b"credits" in in_session(ask, response_class=Response)
        gc.collect()
        assert [one() for one in connections] == [None]
