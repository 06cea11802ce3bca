"""The sample on a page, in the forms in which the platform's pages have it, and in some that they do not."""

import pytest
from pages import CONTRACT, STORED, compared, places

from mockling.contract.page import read_page
from mockling.contract.page.sample import Sample

SLUG = CONTRACT.model.slug
BEGINS, ENDS = STORED.index(" 1import requests"), STORED.index("API Endpoint")
SDK = """import segmind
from segmind import SegmindClient, InferenceFailed

# Async (v2), for models that take long.
client = SegmindClient()  # reads SEGMIND_API_KEY
payload = {
    "prompt": "Let it snow",
    "video_url": "https://segmind-resources.s3.amazonaws.com/input/kling-o3-v2v-input-video.mp4",
    "mode": "pro",
    "duration": "5",
    "aspect_ratio": "16:9",
    "keep_audio": False,
    "shot_type": "customize",
}
job = client.submit_async("kling-o3-video2video-reference", **payload)
try:
    result = job.wait(timeout=900, interval=2.0)
except InferenceFailed as e:
    print("failed:", e.detail)
"""
REQUESTS = 'import requests\nrequests.post("https://api.segmind.com/v1/x", '


def numbered(code: str) -> str:
    """Return code as a page shows it, a number before each line."""
    return "".join(f"{number:2}{line}\n" for number, line in enumerate(code.splitlines(), 1))


def sampled(code: str) -> Sample:
    """Return what is read of a page that has another sample."""
    sample = read_page(f"{STORED[:BEGINS]}{code}\n\n{STORED[ENDS:]}").sample
    assert sample is not None
    return sample


@pytest.mark.parametrize("shown", [numbered, str])
def test_the_sample_of_newer_pages_uses_the_sdk(shown: type[str]) -> None:
    """It names the model and its parameters; address, headers and answer are the SDK's own business."""
    top = STORED[:BEGINS].replace("Reference\n", "Reference Serverless API\n", 1)
    submit = f"POST /v2/{SLUG} \u00b7 submit + poll\n"
    comparison = compared(f"{top}{submit}{shown(SDK)}\n{STORED[ENDS:]}")
    assert comparison.differences == comparison.not_compared == ()
    assert {"title", "submit", "sample.slug", "sample.data.mode", "sample.data"} <= {*comparison.agreed}
    assert "sample.url" not in comparison.agreed


def test_a_sample_of_the_sdk_that_changes_is_noticed() -> None:
    """Another model or another value in it is a difference."""
    page = f"{STORED[:BEGINS]}POST /v2/another \u00b7 submit + poll\n{numbered(SDK)}\n{STORED[ENDS:]}"
    assert places(page) == {"submit"}
    other = page.replace("/v2/another", f"/v2/{SLUG}").replace('"5"', '"6"', 1).replace('async("k', 'async("j')
    assert places(other) == {"sample.slug", "sample.data.duration"}


def test_parameters_of_the_sdk_may_stand_in_the_call() -> None:
    """`run` of the SDK takes them as keywords, beside others."""
    code = (
        'import segmind\n\nresult = segmind.run(\n    "a-model",\n    prompt="x",\n    seed=-7,\n    base64=False,\n)'
    )
    for shown in (numbered(code), code):
        sample = sampled(shown)
        assert (sample.slug, sample.data) == ("a-model", {"prompt": "x", "seed": -7, "base64": False})


@pytest.mark.parametrize(
    "code",
    [
        STORED[BEGINS:ENDS].replace("\n", "\n\n"),
        "\n".join(line[2:] for line in STORED[BEGINS:ENDS].splitlines()),
        "\n".join(f"{line[:2].strip()}\n{line[2:]}" for line in STORED[BEGINS:ENDS].splitlines()),
        "\n".join(line[2:].replace("    ", "") for line in STORED[BEGINS:ENDS].splitlines()),
        STORED[BEGINS:ENDS].replace("print(response.text)", "print(response.text) 1import requests\n 2import json"),
        STORED[BEGINS:ENDS].rstrip() + "\nCopy\nTry it free, no card needed!",
    ],
    ids=["blank lines", "no numbers", "numbers apart", "no indents", "another behind", "more behind"],
)
def test_a_sample_is_read_however_it_was_saved(code: str) -> None:
    """Line numbers, indents and what stands around it do not matter to what it sends."""
    sample = sampled(code)
    assert sample.data == read_page(STORED).sample.data  # type: ignore[union-attr]
    assert (sample.method, sample.url) == ("POST", f"https://api.segmind.com/v1/{SLUG}")


@pytest.mark.parametrize(
    ("sends", "data"),
    [
        ('json={"a": [1, -2.5, null, true, {"b": "c"}]})', {"a": [1, -2.5, None, True, {"b": "c"}]}),
        ('data=json.dumps({"a": None}))', {"a": None}),
        ("json={'a': 'x' 'y'})", {"a": "xy"}),
    ],
)
def test_a_value_is_read_as_python_or_as_json_writes_it(sends: str, data: object) -> None:
    """`false` and `None` stand for what they mean, and what is dumped as JSON is what is sent."""
    assert sampled(REQUESTS + sends).data == data


@pytest.mark.parametrize(
    "value",
    ["open('/etc/passwd').read()", "__import__('os').getpid()", "[x for x in '12']", "b'1'", "1e999", "{1: 2}", "a.b",
     "f'{1}'", "lambda: 0", "(1,)", "undefined"],
)  # fmt: skip
def test_what_is_more_than_a_value_is_not_run(value: str) -> None:
    """An expression is not worked out, and that it was not compared is told."""
    page = (
        f'{STORED[:BEGINS]}import requests\nrequests.post("https://x", json={{"prompt": {value}}})\n\n{STORED[ENDS:]}'
    )
    comparison = compared(page)
    assert "sample.data: it is no plain value that could be read" in comparison.not_compared
    assert not any(place.startswith("sample.data") for place in comparison.agreed)


@pytest.mark.parametrize("read", ["print(response.json(), response.content)", "print(response.text)"])
def test_a_sample_that_does_not_tell_how_it_reads_the_answer_is_told(read: str) -> None:
    """Which of the answers to D1 it takes is not known then."""
    comparison = compared(STORED.replace("result = response.json()", read))
    assert comparison.not_compared == ("sample.answer: the sample does not tell how it reads the answer",)
    assert comparison.differences == ()


def test_a_sample_without_a_call_is_told() -> None:
    """A page with no sample, or with one that sends nothing, has nothing to compare."""
    assert compared(STORED[:BEGINS] + STORED[ENDS:]).not_compared == ("sample: the page has none that could be read",)
    nothing = compared(f"{STORED[:BEGINS]}import requests\nprint(1)\n\n{STORED[ENDS:]}")
    assert "sample.call: it is no plain value that could be read" in nothing.not_compared


@pytest.mark.parametrize(
    "code",
    [
        "import requests\n" + "(" * 50_000,
        "import requests\nx = " + "-" * 50_000 + "1",
        "import requests\n" + "x = [\n" * 290,
        "import requests\nx = " + "9" * 50_000,
        "import requests\n"
        + "\n".join(f"x{n} = [x{n + 1}, x{n + 1}]" for n in range(99))
        + "\nrequests.post(x0, json=x0)",
        'import requests\nx = x\nrequests.post(x, json=x)\n"\\d"',
    ],
)
def test_a_sample_that_is_meant_badly_costs_nothing(code: str) -> None:
    """Code that would take a parser down, or grows without bounds, is no sample, and the rest of the page is read."""
    assert sampled(code).data is None
