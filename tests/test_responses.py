"""Whatever is sent wherever, the response keeps the contract, nothing is a defect, and money goes only with success."""

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

from calling import GOOD_KEY, INPUTS, NOBODY, SLUG, V1, V2, Local
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

LOOSE = Path(__file__).parent / "data" / "loose.yaml"
LOCAL = Local(speed="instant", credits=10**9, requests_per_minute="off", models=[LOOSE])
PARAMETERS = {name for model in LOCAL.contract.models.values() for name in model.parameters}
VALID = LOCAL.contract.model.example
DONE = LOCAL.post(V1, GOOD_KEY, VALID).headers["x-request-id"]
QUEUED = LOCAL.submit(GOOD_KEY, VALID)["request_id"]
UPLOADED = LOCAL.upload("text/plain", b"hi").rpartition("/")[2]

METHODS = st.sampled_from(["POST"] * 6 + ["GET"] * 6 + ["HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "PURGE"])
IDS = st.sampled_from([DONE, QUEUED, NOBODY, "a", "", "..", "%00", "%2F", "é", "\U0001f600"])
PATHS = st.one_of(
    st.sampled_from([V1, V2] * 4 + [V1.replace(SLUG, "loose-video2video"), V2.replace(SLUG, "loose-video2video")] * 2),
    st.sampled_from(["/upload-asset", "/v1/get-user-credits", "/", "//", "/v1/unknown", "/v2/unknown"]),
    st.sampled_from(["/v1/mockling-retired-model", f"//v1/{SLUG}", f"/v1%2F{SLUG}", f"/assets/{UPLOADED}"]),
    st.builds(
        str.format,
        st.sampled_from(["/v1/requests/{}", "/v2/requests/{}", "/v2/requests/{}/status", "/generations/{}.mp4"]),
        IDS,
    ),
    # werkzeug's own client takes what begins so for an address.
    st.text(max_size=12).filter(lambda text: not re.match(r"/.*[\[\]]", text)).map(lambda text: f"/{text}"),
)
KEYS = st.one_of(
    st.sampled_from([GOOD_KEY] * 5),
    st.sampled_from(
        [None, "", "a", f" {GOOD_KEY}\t", *(f"SG_000000000000{of:04}" for of in (401, 403, 406, 429, 500, 504))]
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=9),
)
ODD = [
    None,
    True,
    False,
    0,
    5,
    -1,
    1.5,
    float("nan"),
    10,
    10.0,
    1e9,
    -1e300,
    float("inf"),
    1e-9,
    10**400,
    "",
    " ",
    "5",
    "pro",
    "x" * 3000,
    "\ud800\0",
    "a/é",
    [],
    {},
    [[]],
    [{}],
    [None],
    ["x", "http://["],
    "http://[",
    "@image1 @image99999999 @imagex @image",
    [{"url": None, "seconds": None}, {"url": "x", "seconds": 3}, {"url": 5, "seconds": "x"}, 5, None],
    ["https://e.com/a.png"] * 5,
    ["http://\ud800/"],
    [{"frontal_image_url": 5}],
    [{"reference_image_urls": ["x"] * 4}],
    [{"reference_image_urls": ["https://localhost/a.gif"]}] * 11,
    f"{INPUTS}truncated.mp4",
    f"{INPUTS}narrow.mp4",
    f"http://localhost/generations/{DONE}.mp4",
    f"http://localhost/generations/{QUEUED}.mp4",
    f"http://localhost/assets/{UPLOADED}",
    "https://youtu.be/a",
    ["data:text/plain;base64,aGk="],
    ["data:image/png;base64,aGk="],
    ["data:a/b;base64,#"] * 2,
    ["data:,"] * 21,
]
FIELDS = st.sampled_from([*PARAMETERS, "seed", "data_urls", "\ud800"])
CHANGES = st.lists(st.tuples(FIELDS, st.sampled_from(ODD)), max_size=3).map(dict)
OBJECTS = st.one_of(
    CHANGES.map(lambda change: {**VALID, **change}),
    CHANGES.map(lambda change: {**VALID, **change}),
    CHANGES,
    st.sampled_from(ODD),
)
NAMES = st.one_of(st.sampled_from([None, *VALID, "elements", "image_urls"]), st.text(max_size=4))
VALUES = st.one_of(
    st.sampled_from(
        ["True", "false", "[", "[1]", '[{"frontal_image_url": "x"}]', "", " ", "5", "NaN", "std", *VALID.values()]
    ),
    st.text(max_size=6),
)


def form(parts: list[tuple[str | None, Any]]) -> bytes:
    """Return a form's body, as careless clients write it."""
    lines: list[str] = []
    for name, value in parts:
        named = "" if name is None else f'; name="{name}"'
        lines += ["--cut", f"content-disposition: form-data{named}", "", str(value)]
    return "\r\n".join([*lines, "--cut--", ""]).encode("utf-8", "surrogatepass")


FORM = "multipart/form-data; boundary=cut"
SENT = st.one_of(
    OBJECTS.map(lambda value: (json.dumps(value).replace("Infinity", "1e400").encode(), "application/json")),
    st.lists(st.tuples(NAMES, VALUES), max_size=8).map(lambda parts: (form(parts), FORM)),
    st.lists(st.tuples(NAMES, VALUES), max_size=4).map(lambda parts: (form([*VALID.items(), *parts]), FORM)),
    st.tuples(
        st.binary(max_size=60), st.sampled_from(["application/json", FORM, "multipart/form-data", "text/plain", ""])
    ),
    st.tuples(st.just(b""), st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=12)),
)
FAR = "Sat, 01 Jan 20000000000000 00:00:00 GMT"
MORE = st.sampled_from(
    [{}] * 6
    + [{"range": value} for value in ("bytes=0-0", "bytes=-5", "bytes=9-1", "bytes=99999999-", "x=1")]
    + [{"if-none-match": "*"}, {"if-range": '"x"', "range": "bytes=0-1"}, {"if-modified-since": "yesterday"}]
    + [{"if-match": "*"}, {"if-match": '"zz"'}, {"if-unmodified-since": "Sat, 01 Jan 2000 00:00:00 GMT"}]
    + [{"if-modified-since": FAR}, {"if-range": FAR, "range": "bytes=0-1"}]
    + [{"if-match": "*", "range": "bytes=-99999999999"}]
    + [{"host": "a b"}, {"x-forwarded-prefix": "//x"}, {"x-forwarded-for": "x"}, {"content-length": "-1"}]
)


def funds() -> Decimal:
    """Return what the usual account has, of jobs that were polled to their end."""
    account = LOCAL.platform.keys.find(GOOD_KEY)
    assert account
    return LOCAL.platform.store.balance(account, 0)


@settings(max_examples=1500, suppress_health_check=list(HealthCheck), deadline=None)
@given(METHODS, PATHS, KEYS, SENT, MORE)
def test_every_response_keeps_the_contract(
    method: str, path: str, key: str | None, sent: tuple[bytes, str], more: dict[str, str]
) -> None:
    """Calls of every kind: `call` checks each response, none is a defect, and each is recorded once, as it was."""
    LOCAL.journal.clear()  # type: ignore[attr-defined]
    before = funds()
    headers = {**more, **({"content-type": sent[1]} if sent[1] else {})}
    response = LOCAL.call(method, path, key, data=sent[0], headers=headers)
    (exchange,) = LOCAL.journal
    assert (exchange.status, exchange.method) == (response.status_code, method)
    assert exchange.response
    assert exchange.response.size == len(response.data)
    assert "a defect of Mockling" not in response.text if response.mimetype == "application/json" else True
    if response.status_code >= 500:
        assert exchange.operation == "generate"
        assert exchange.seconds is not None  # what was planned, or is known of its inputs
    paid = before - funds()
    assert paid == exchange.cost or exchange.operation in ("status", "result", "poll")
    assert paid == 0 or response.status_code == 200
