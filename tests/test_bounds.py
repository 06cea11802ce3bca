"""Bounds on what is remembered: what is kept at the bound, what goes one beyond it, and which one that is."""

import gc
import threading
import weakref
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from calling import GOOD_KEY, PRICE, STEADY, V1, Local
from test_store import ACCOUNT, count_of, exchange, job, only_new

from mockling.contract import Output, load
from mockling.emulator import Settings
from mockling.emulator.platform import exchanges, memory, outputs, stages
from mockling.emulator.platform.chance import draw
from mockling.emulator.platform.keys import LONGEST_REMEMBERED, Account, Keys
from mockling.emulator.platform.memory import MemoryStore
from mockling.emulator.platform.outputs import Outputs

CONTRACT = load()


class Text(str):
    """A text of which can be said whether anybody still has it."""

    __slots__ = ("__weakref__",)


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    """A store that keeps two uploads of ten bytes together."""
    kept = MemoryStore(2, 10)
    yield kept
    kept.close()


def planned(name: str) -> Account:
    """Return an account that meets a planned error and may be called once a minute."""
    return Account(f"{name}0406", Decimal(0), 1, planned=True)


def test_the_key_that_plans_an_error_and_was_used_longest_ago_is_forgotten(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the bound the least recently used magic key is forgotten, and its rate window begins again."""
    monkeypatch.setattr(memory, "MOST_PLANNED", 3)
    assert [store.admit(planned(name), 0).admitted for name in "abc"] == [True] * 3
    assert [store.admit(planned(name), 0).admitted for name in "abca"] == [False] * 4
    assert store.admit(planned("d"), 0).admitted
    assert [store.admit(planned(name), 0).admitted for name in "cad"] == [False] * 3
    assert store.admit(planned("b"), 0).admitted


def test_keys_that_plan_errors_and_others_make_no_room_for_each_other(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Magic keys never push out the balance of an ordinary account."""
    monkeypatch.setattr(memory, "MOST_PLANNED", 1)
    store.credit(ACCOUNT, Decimal(-5))
    for name in "abc":
        store.admit(planned(name), 0)
    assert store.balance(ACCOUNT, 0) == 15


@pytest.mark.parametrize("bound", [1, 2, 5])
def test_the_oldest_job_makes_room_and_no_other(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch, bound: int
) -> None:
    """At the bound each can be asked for, and its file be had; one beyond it the first cannot."""
    monkeypatch.setattr(memory, "MOST_JOBS", bound)
    account = Account(ACCOUNT.key, Decimal(100))
    for number in range(bound + 1):
        store.submit(account, job(str(number)), 0)
        kept = [store.ask(str(one), account.key, 0, step=False) is not None for one in range(number + 1)]
        assert kept == ([True] * (number + 1) if number < bound else [False] + [True] * bound)
    assert [store.owner(str(one)) for one in range(bound + 1)] == [None, *[account.key] * bound]
    assert store.billed(0) == Decimal("1.05")


def test_the_journal_is_as_long_as_its_bound(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the bound the first is there, one beyond it the second is the first; what was forgotten counts no more."""
    monkeypatch.setattr(exchanges, "MOST_EXCHANGES", 3)
    for number in range(1, 4):
        store.record(exchange(number, caller="me" if number == 2 else ""))
    assert [one.number for one in store.exchanges(0)] == [1, 2, 3]
    store.forget(ACCOUNT, "me")
    store.record(exchange(4))
    assert [one.number for one in store.exchanges(0)] == [1, 3, 4]
    store.record(exchange(5))
    assert [one.number for one in store.exchanges(0)] == [3, 4, 5]


def test_the_bytes_of_forgotten_exchanges_make_room(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an account is forgotten with counts no more; an exchange beyond the bound goes even if it is the newest."""
    large = exchange(1, body=b"x" * 1000, caller="me")
    monkeypatch.setattr(exchanges, "MOST_EXCHANGE_BYTES", large.bytes_kept)
    store.record(large)
    store.forget(ACCOUNT, "me")
    store.record(exchange(2, body=b"x" * 1000, caller="me"))
    assert [one.number for one in store.exchanges(0)] == [2]
    store.record(exchange(3, body=b"x" * 1001, caller="me"))
    assert store.exchanges(0) == []
    store.record(exchange(4, body=b"x" * 1000, caller="me"))
    assert [one.number for one in store.exchanges(0)] == [4]


def test_uploads_have_as_many_bytes_as_their_bound(store: MemoryStore) -> None:
    """At the bound both are there, one byte beyond it the older is not."""
    store.keep_upload("a", b"12345")
    store.keep_upload("b", b"12345")
    assert [bool(store.uploaded(name)) for name in "ab"] == [True, True]
    store.keep_upload("b", b"123456")
    assert [bool(store.uploaded(name)) for name in "ab"] == [False, True]


def test_an_emulator_keeps_as_many_uploads_as_its_contract_says() -> None:
    """In number and in bytes."""
    local = Local(contract={"x-limits": {"upload_files": 3, "upload_bytes": 10}})
    urls = [local.upload("text/plain", content) for content in (b"1", b"2", b"3", b"4")]
    assert [local.get(url).status_code for url in urls] == [404, 200, 200, 200]
    local.upload("text/plain", b"12345678")
    assert [local.get(url).status_code for url in urls] == [404, 404, 200, 200]
    local.upload("text/plain", b"123456789")
    assert [local.get(url).status_code for url in urls] == [404] * 4


def remembered(keys: Keys, *names: str) -> list[bool]:
    """Return of which keys something is remembered when their accounts were found."""
    texts = [Text(name) for name in names]
    for text in texts:
        keys.find(text)
    known = [weakref.ref(text) for text in texts]
    del text, texts
    gc.collect()
    return [one() is not None for one in known]


def test_a_key_that_is_too_long_is_not_remembered() -> None:
    """Whatever a caller sends as his key takes little memory; up to the bound it is remembered."""
    assert remembered(Keys(Settings(), CONTRACT), "x" * LONGEST_REMEMBERED, "x" * (LONGEST_REMEMBERED + 1)) == [
        True,
        False,
    ]


def test_so_many_keys_are_remembered_and_the_oldest_goes() -> None:
    """Of one more than the bound all but the first are remembered."""
    assert remembered(Keys(Settings(), CONTRACT), *map(str, range(1025))) == [False] + [True] * 1024


SIZES = [Output(64, 48, 24, seconds, audio=False) for seconds in (1.0, 2.0, 3.0)]


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[Output]:
    """The videos that were looked at, of which two are remembered."""
    render, rendered = outputs._render, list[Output]()
    monkeypatch.setattr(outputs, "_render", lambda output: (rendered.append(output), render(output))[1])
    monkeypatch.setattr(outputs, "MOST_SIZES", 2)
    return rendered


def test_the_sizes_of_so_many_videos_are_remembered(looked: list[Output]) -> None:
    """At the bound none is looked at again; one beyond it that which was not asked for the longest is."""
    known, (first, second, third) = Outputs(), SIZES
    sizes = [known.size(output) for output in (first, second, first, second)]
    assert looked == [first, second]
    assert sizes[:2] == sizes[2:] != [sizes[0]] * 2
    known.size(third)
    known.size(second)
    assert looked == [first, second, third]
    known.size(first)
    assert looked == [first, second, third, first]


def make_ready(known: Outputs, output: Output) -> None:
    """Wait until a video is cut."""
    while not known.ready(output):
        for thread in threading.enumerate():
            if thread.name == "mockling-cut":
                thread.join(30)


def test_videos_that_are_ready_are_remembered_within_bounds(looked: list[Output]) -> None:
    """However many kinds of videos are made, few are remembered as ready; each is cut once while it is."""
    known = Outputs()
    for output in SIZES:
        make_ready(known, output)
        assert known.ready(output)
    assert looked == SIZES
    with only_new():
        for number in range(3):
            other = Output(64, 48, 24, 1.0 + number, audio=False)
            make_ready(known, other)
        del looked[:]
        assert count_of(Output) == 2


@pytest.mark.parametrize(("sent", "kept"), [(2, 2), (3, 3), (4, 3)])
def test_so_many_warnings_and_violations_of_a_request_are_kept(
    sample: dict[str, Any], monkeypatch: pytest.MonkeyPatch, sent: int, kept: int
) -> None:
    """The journal has the first of them, as many as the bound, in their order."""
    assert stages.MOST_TOLD == 20
    monkeypatch.setattr(stages, "MOST_TOLD", 3)
    local, places = Local(speed="instant"), [f"image_urls[{number}] " for number in range(kept)]
    doubtful = {**sample, "image_urls": ["http://localhost/a.png"] * sent}
    assert local.post(V1, GOOD_KEY, doubtful).status_code == 200
    assert [warning[: len(places[0])] for warning in local.journal[-1].warnings] == places
    assert local.post(V1, GOOD_KEY, {**sample, "image_urls": [5] * sent}).status_code == 400
    assert ["image_urls" in violation for violation in local.journal[-1].violations] == [True] * kept


def test_a_name_that_is_told_is_no_longer_than_its_bound(local: Local, sample: dict[str, Any]) -> None:
    """Of an unknown model, job or file a hundred characters are told."""
    name = "x" * 99 + "yz"
    for response in (
        local.post(f"/v1/{name}", GOOD_KEY, sample),
        local.get(f"/v2/requests/{name}", GOOD_KEY),
        local.get(f"/generations/{name}"),
    ):
        assert response.status_code == 404
        assert ("x" * 99 + "y" in response.text, name in response.text) == (True, False)


def test_ids_and_prices_are_those_of_the_seed_and_the_contract(sample: dict[str, Any]) -> None:
    """The first job has the id that is drawn for the number 1, the second that for 2."""
    local = Local(speed="instant", seed=9, contract=STEADY)
    ids = [local.submit(GOOD_KEY, sample)["request_id"] for _ in range(2)]
    assert ids == [str(draw(9, number).id) for number in (1, 2)]
    assert local.platform.store.available(Account(GOOD_KEY, Decimal(100)), 0) == 100 - 2 * PRICE
