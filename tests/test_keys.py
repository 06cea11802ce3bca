"""Keys: whose account a key is for, what that account may, and what of a key is shown."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockling.contract import load
from mockling.emulator import AccountSettings, Settings
from mockling.emulator.platform.keys import Account, Keys, masked, usable_key

CONTRACT = load()
KEY = "SG_0123456789abcdef"


def find(key: str, **settings: object) -> Account | None:
    """Return the account of a key under some settings."""
    return Keys(Settings(**settings), CONTRACT).find(key)  # type: ignore[arg-type]


@given(st.from_regex(r"SG_[0-9A-Fa-f]{12}[a-f]{4}", fullmatch=True))
def test_every_key_of_the_documented_shape_is_an_account(key: str) -> None:
    """With no account configured a key of the shape may call every model, with the balance of the settings (G4)."""
    assert find(key, credits=7, requests_per_minute=9) == Account(key, Decimal(7), 9)


@pytest.mark.parametrize("key", ["", "SG_", f"{KEY}0", KEY[:-1], KEY.lower(), f" {KEY}", "SG_012345678gabcdef"])
def test_a_key_of_another_shape_is_none(key: str) -> None:
    """A key that is too short, too long or of other signs is good for no account."""
    assert find(key) is None


def test_configured_accounts_are_the_only_ones() -> None:
    """As soon as one account is configured no other key is good, whatever the configured key looks like (G4)."""
    accounts = (AccountSettings(key="any", credits="3.5"), AccountSettings(key="poor", credits="none"))
    assert find("any", accounts=accounts) == Account("any", Decimal("3.5"))
    assert find("poor", accounts=accounts) == Account("poor", None)
    assert find(KEY, accounts=accounts) is None


PLANNED = {
    "0401": None,
    "0403": Account("", Decimal(100), None, models=()),
    "0406": Account("", Decimal(0)),
    "0429": Account("", Decimal(100), 0),
    "0500": Account("", Decimal(100), fails_with="server_error"),
    "0502": Account("", Decimal(100), fails_with="bad_gateway"),
    "0504": Account("", Decimal(100), fails_with="gateway_timeout"),
}


@pytest.mark.parametrize("configured", [(), (AccountSettings(key="other"),)])
@pytest.mark.parametrize(("ending", "wanted"), PLANNED.items())
def test_a_keys_last_digits_plan_an_error(
    ending: str, wanted: Account | None, configured: tuple[AccountSettings, ...]
) -> None:
    """A key that ends in an error's status is an account that always meets it, whoever else is configured."""
    key = f"SG_0123456789ab{ending}"
    found = find(key, accounts=configured)
    expected = wanted and Account(key, wanted.credits, wanted.requests_per_minute, wanted.models, wanted.fails_with)
    assert found == expected


@pytest.mark.parametrize("ending", PLANNED)
def test_a_configured_key_meets_no_planned_error(ending: str) -> None:
    """An account that is set up is as it was set up, even if its key ends like an error's status."""
    key = f"SG_0123456789ab{ending}"
    found = find(key, accounts=(AccountSettings(key=key),))
    assert found == Account(key, Decimal(100))
    assert not found.planned


def test_a_plan_limits_its_accounts() -> None:
    """An account's plan sets its rate (G14, D6); one setting overrides it for all."""

    def limit(**changes: object) -> int | None:
        settings = Settings(accounts=(AccountSettings(key="k", plan="free"),), **changes)  # type: ignore[arg-type]
        found = Keys(settings, load(settings.profile, settings.answers)).find("k")
        assert found
        return found.requests_per_minute

    assert limit() == 5
    assert limit(requests_per_minute=9) == 9
    assert limit(requests_per_minute="off") is None
    with pytest.raises(ValueError, match="no plan 'free'; there is pro, flexible, business, scale"):
        limit(answers={"D6": "pricing"})


def test_an_account_may_be_limited_to_models() -> None:
    """A configured account keeps the models it was given; one without may call all."""
    accounts = (AccountSettings(key="a", models=("x",)), AccountSettings(key="b"))
    found = [find(key, accounts=accounts) for key in ("a", "b")]
    assert [one.models for one in found if one] == [("x",), None]


@given(st.text())
def test_a_masked_key_hides_all_but_four_characters(key: str) -> None:
    """What is shown of a key is at most its last four characters, and only of a key that is long enough."""
    shown = masked(key).removeprefix("...")
    assert shown == "none" if not key else shown in ("", key[-4:])
    assert len(shown) <= 4
    assert shown in ("", "none") or len(key) >= 12


def test_a_long_key_shows_its_last_four() -> None:
    """Keys of the documented shape can be told apart by what is shown of them."""
    assert masked(KEY) == "...cdef"


def test_there_is_always_a_key_that_works() -> None:
    """The first configured key is the usable one; without any, one of the documented shape."""
    assert usable_key([AccountSettings(key="a"), AccountSettings(key="b")]) == "a"
    assert find(usable_key([])) == Account(KEY, Decimal(100))


@pytest.mark.parametrize("ending", [ending for ending in PLANNED if ending != "0401"])
def test_only_refusals_are_limited_as_the_settings_say(ending: str) -> None:
    """A key that plans a failure meets it however often it is used; all such keys are known as planned."""
    found = find(f"SG_0123456789ab{ending}", requests_per_minute=9, credits=7)
    assert found and found.planned
    assert found.requests_per_minute == {"0429": 0, "0403": 9, "0406": 9}.get(ending)
    assert found.credits == (0 if ending == "0406" else 7)


def test_other_accounts_plan_nothing() -> None:
    """Neither one of the documented shape nor one that is configured."""
    usual, configured = find(KEY), find("k0500", accounts=(AccountSettings(key="k0500"),))
    assert [found and found.planned for found in (usual, configured)] == [False, False]


def test_what_stands_for_a_key_tells_nothing_of_it() -> None:
    """It is the same for the same key and object, blanks aside, another elsewhere, and empty for none."""
    one, other = (Keys(Settings(), CONTRACT) for _ in range(2))
    assert one.digest(KEY) == one.digest(f" {KEY}\t") != other.digest(KEY)
    assert one.digest(KEY) != one.digest(KEY.upper())
    assert [one.digest(key) for key in ("", " ")] == ["", ""]
    assert len(one.digest("\udcff")) == 16


@pytest.mark.parametrize(("key", "shown"), [("", "none"), ("x", "..."), ("x" * 7 + "abcd", "..."),
                                            ("x" * 8 + "abcd", "...abcd")])  # fmt: skip
def test_a_key_is_masked_by_its_length(key: str, shown: str) -> None:
    """From twelve characters on there are enough to hide the others behind the last four."""
    assert masked(key) == shown
