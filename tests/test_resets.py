"""Calls from before a reset: they change nothing of what begins after it, though with equal seeds ids repeat."""

from decimal import Decimal
from typing import Any

import pytest
from calling import GOOD_KEY, PRICE, SLUG, STEADY, V1, V2, Local
from werkzeug.test import EnvironBuilder

from mockling.emulator import Settings
from mockling.emulator.http.held import Held
from mockling.emulator.platform.chance import draw

SETTINGS: dict[str, Any] = {"speed": "manual", "contract": STEADY, "seed": 1, "faults": [{"latency": 10}]}
FIRST = str(draw(1, 1).id)  # of the first job after each reset


@pytest.fixture
def local() -> Local:
    """An emulator whose first call waits at least ten seconds, before a reset as after it."""
    return Local(**SETTINGS)


def hold(local: Local, path: str, sample: dict[str, Any]) -> tuple[Held, list[str]]:
    """Begin a call that is held, and return it with a list that will have the status of its response."""
    sent = EnvironBuilder(path, method="POST", headers={"x-api-key": GOOD_KEY}, json=sample)
    statuses: list[str] = []
    held = local.app.wsgi_app(sent.get_environ(), lambda status, *_: statuses.append(status[:3]))  # type: ignore[arg-type]
    assert isinstance(held, Held)
    return held, statuses


def end(held: Held, how: str) -> None:
    """End a held call."""
    if how == "answer":
        list(held.answer())
    elif how == "stop":
        list(held.stop("stopping"))
    elif how == "leave":
        held.leave()
    held.close()


@pytest.mark.parametrize("path", [V1, V2])
@pytest.mark.parametrize("how", ["answer", "stop", "leave", "close"])
def test_the_job_of_a_call_that_is_held_is_its_own(
    local: Local, sample: dict[str, Any], monkeypatch: pytest.MonkeyPatch, path: str, how: str
) -> None:
    """However a call from before a reset ends, a new one whose job has the same id waits for it and pays once."""
    former, refused = hold(local, path, sample)
    local.platform.reset(Settings(**SETTINGS))
    new, statuses = hold(local, V1, sample)
    end(former, how)
    assert refused == (["503"] if how in ("answer", "stop") else [])
    assert len(local.journal) == 0
    account = local.platform.keys.find(GOOD_KEY)
    assert account
    assert local.platform.store.available(account, 0) == 100 - PRICE
    monkeypatch.setattr("mockling.emulator.platform.memory.MOST_JOBS", 1)
    local.submit(GOOD_KEY, sample)  # no job that a call waits for makes room for this one
    local.submit(GOOD_KEY, sample)
    local.advance(1000)
    end(new, "answer")
    assert statuses == ["200"]
    told = local.journal[-1]
    assert (told.operation, told.request_id, told.cost) == ("generate", FIRST, PRICE)
    assert local.balance(GOOD_KEY) == float(100 - 3 * PRICE)


@pytest.mark.parametrize("how", ["answer", "stop", "leave"])
def test_a_job_that_nobody_waits_for_is_its_own(local: Local, sample: dict[str, Any], how: str) -> None:
    """However a call from before a reset ends, a submitted job that has the same id runs to its end and is billed."""
    local.platform.store.disarm()
    former, _ = hold(local, V1, sample)
    local.platform.reset(Settings(**{**SETTINGS, "faults": []}))
    job = local.submit(GOOD_KEY, sample)
    assert job["request_id"] == FIRST
    end(former, how)
    told = local.get(job["status_url"], GOOD_KEY).get_json()
    assert told["status"] == "QUEUED"
    local.advance(1000)
    assert local.get(job["status_url"], GOOD_KEY).get_json()["status"] == "COMPLETED"
    assert [entry.cost for entry in local.journal if entry.operation == "submit"] == [PRICE]


def test_a_call_that_is_read_during_a_reset_starts_no_job(local: Local, sample: dict[str, Any]) -> None:
    """What was begun before is refused at its last stage: it costs nothing, and nothing of it is kept."""
    read = local.platform.stages.json
    local.platform.store.disarm()

    def during_a_reset(call: Any) -> None:
        read(call)
        local.platform.reset(Settings(**{**SETTINGS, "faults": []}))

    steps = local.platform.stages.steps
    steps[[name for name, _ in steps].index("JSON")] = ("JSON", during_a_reset)
    response = local.app.test_client().post(V2, json=sample, headers={"x-api-key": GOOD_KEY})
    assert response.status_code == 503
    assert len(local.journal) == 0
    assert local.platform.store.owner(FIRST) is None
    assert local.platform.store.billed(10**6) == 0


def test_what_happens_while_a_reset_is_under_way_is_of_before(
    local: Local, sample: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that ends then is not kept in the new journal, and one that begins then has no time of the new clock."""
    former, refused = hold(local, V1, sample)
    begin, late = local.platform._begin, []

    def meanwhile(settings: Settings) -> None:
        begin(settings)
        end(former, "answer")
        late.append(hold(local, V1, sample))

    monkeypatch.setattr(local.platform, "_begin", meanwhile)
    local.platform.reset(Settings(**SETTINGS))
    ((begun, too),) = late
    end(begun, "answer")
    assert refused == too == ["503"]
    assert len(local.journal) == 0


@pytest.mark.parametrize(
    "words", [{"faults": [{"status": 502, "stage": "x"}]}, {"accounts": [{"key": "k", "plan": "x"}]}]
)
def test_a_reset_that_cannot_be_ends_no_call(local: Local, sample: dict[str, Any], words: dict[str, Any]) -> None:
    """Settings that do not fit the contract are refused before anything has changed."""
    held, statuses = hold(local, V1, sample)
    with pytest.raises(ValueError, match=r"no stage 'x'|no plan 'x'"):
        local.platform.reset(Settings(**{**SETTINGS, **words}))
    local.advance(1000)
    end(held, "answer")
    assert statuses == ["200"]
    assert local.journal[0].cost == PRICE


def test_the_files_of_before_a_reset_are_removed_at_once(local: Local) -> None:
    """Even if somebody still has the store of before."""
    url, former = local.upload("text/plain", b"a"), local.platform.store
    path = former.uploaded(url.rpartition("/")[2])
    assert path and path.exists()
    local.platform.reset(Settings(**SETTINGS))
    assert not path.parent.exists()


def test_a_reset_removes_uploads_and_begins_time_chance_and_faults_anew(local: Local, sample: dict[str, Any]) -> None:
    """Files, moments, numbers, faults and the words of the settings are those of a new beginning."""
    local.platform.store.disarm()
    url, job = local.upload("text/plain", b"a"), local.submit(GOOD_KEY, sample)
    local.advance(50)
    local.platform.reset(Settings(**{**SETTINGS, "seed": 2, "strict": True, "credits": Decimal(5), "speed": 10}))
    assert local.get(url).status_code == 404
    assert local.get(job["status_url"], GOOD_KEY).status_code == 404
    assert (local.clock.speed, local.clock.advanced, local.clock.now() < 50) == (10, 0, True)
    assert [armed.number for armed in local.platform.store.faults()] == [1]
    local.platform.store.disarm()
    assert local.balance(GOOD_KEY) == 5
    assert local.submit(GOOD_KEY, sample)["request_id"] == str(draw(2, 1).id)
    assert local.platform.strict
    assert SLUG in local.platform.contract.models


def test_what_is_advanced_after_a_reset_counts_from_there(sample: dict[str, Any]) -> None:
    """Where no time passes, a job after a reset moves on by what was advanced since, not less."""
    local = Local(speed="instant", contract=STEADY)
    local.advance(10**6)
    local.platform.reset(Settings(speed="instant", contract=STEADY))
    job = local.submit(GOOD_KEY, sample)
    local.advance(1000)
    assert local.journal[0].cost == PRICE
    assert local.get(job["status_url"], GOOD_KEY).get_json()["status"] == "COMPLETED"
