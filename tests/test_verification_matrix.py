"""The matrix of facts and clauses: no fact is left out, and none is excused that is checked."""

import re
import subprocess
import sys

import pytest
from click.testing import CliRunner
from reported import every_clause

from mockling.cli import main
from mockling.contract import Contract, facts, load
from mockling.contract.verification.matrix import matrix, unclaimed


@pytest.mark.parametrize("profile", ["documented", "observed"])
def test_every_fact_is_checked_or_has_its_reason(profile: str) -> None:
    """Each fact, of page, gateway and v2 above all, has clauses, or one reason why there is none, never both."""
    told = matrix(load(profile))
    assert told.keys() == {fact.id for fact in facts()}
    assert [fact for fact, checked in told.items() if not checked] == []
    reasons = {fact: checked for fact, checked in told.items() if isinstance(checked, str)}
    assert reasons == unclaimed()
    assert not [fact for fact in reasons if fact[0] in "PGA"]
    assert all(reason.endswith(".") and "\n" not in reason for reason in reasons.values())


def test_the_matrix_names_clauses_that_there_are(contract: Contract) -> None:
    """What stands in it are the ids of clauses, each of which names the fact."""
    known = {clause.id: clause.facts for clause in every_clause()}
    for fact, checked in matrix(contract).items():
        if not isinstance(checked, str):
            assert all(fact in known[name] for name in checked)
            assert len(checked) == len(set(checked))


def test_every_clause_names_its_place_and_its_facts(contract: Contract) -> None:
    """A clause points into the settled document, at something that is there, and what it rests on are facts."""
    known = {fact.id for fact in facts()}
    for clause in every_clause():
        node = contract.document
        for step in clause.place.removeprefix("#").split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            node = node[int(name)] if isinstance(node, list) else node[name]
        assert set(clause.facts) <= known
        assert clause.sentence.endswith("."), clause.id


def test_the_command_tells_which_clauses_check_a_fact() -> None:
    """`mockling contract ID` lists the clauses of a fact, or says why it has none; a line for programs has both."""
    run = CliRunner().invoke
    told = run(main, ["contract", "A8"]).output
    assert re.search(r"checked by \d+ clauses of mockling verify:\n    expiry\.", told)
    assert f"checked by no clause: {unclaimed()['M12']}" in run(main, ["contract", "M12"]).output
    rows = [line.split("\t") for line in run(main, ["contract"]).output.splitlines() if "\t" in line]
    fourth = {row[0]: row[3] for row in rows}
    assert "submit.running" in fourth["A7"].split()
    assert fourth["M12"] == f"({unclaimed()['M12']})"


def test_what_the_command_does_not_show_is_not_made() -> None:
    """The clauses of all facts are made for those commands alone that show them."""
    program = (
        "import sys; from mockling.cli import main; main(['contract', '--openapi'], standalone_mode=False); "
        "print(*[name for name in sys.modules if name.startswith('mockling')], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert "mockling.contract.contract" in done.stderr.split()
    assert not [name for name in done.stderr.split() if "verification" in name]
