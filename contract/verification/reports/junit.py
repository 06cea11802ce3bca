"""JUnit XML: a run as the test reports that CI systems show."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from mockling.contract.verification.clause import Verdict
from mockling.contract.verification.probe import Cost
from mockling.contract.verification.reports.curl import curl
from mockling.contract.verification.reports.telling import about, answer, clean, cost, headline_of, short
from mockling.contract.verification.run import Outcome, Run

TAGS = {
    Verdict.BROKEN: "failure",
    Verdict.ERROR: "error",
    Verdict.INCONCLUSIVE: "error",
    Verdict.SKIPPED: "skipped",
    Verdict.NOTICE: "system-out",
}


def as_junit(run: Run) -> str:
    """Return a run as JUnit XML: a suite for each class of clauses, and one for the run itself if it was stopped."""
    root = Element("testsuites", name=clean(f"mockling verify {run.target}"))
    for kind in Cost:
        outcomes = [outcome for outcome in run.outcomes if outcome.cost is kind]
        if outcomes:
            suite = _suite(root, run, kind.value)
            for outcome in outcomes:
                _case(suite, run, outcome)
            _count(suite)
    if run.stopped is not None:
        suite = _suite(root, run, "run")
        case = SubElement(suite, "testcase", classname="run", name="The run goes on to its end", time="0")
        SubElement(case, "error", type="stopped", message=clean(run.stopped))
        _count(suite)
    _total(root)
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _suite(root: Element, run: Run, name: str) -> Element:
    suite = SubElement(root, "testsuite", name=name, timestamp=f"{run.began:%Y-%m-%dT%H:%M:%S}")
    properties = SubElement(suite, "properties")
    told = [*about(run), ("Answer", f"{short(run)}. {answer(run)}"), ("Cost", cost(run))]
    amounts = [(name, getattr(run.spending, name)) for name in ("budget", "counted", "measured")]
    for key, value in [*told, *((f"spending.{name}", f"{amount:f}") for name, amount in amounts if amount is not None)]:
        SubElement(properties, "property", name=key, value=clean(value))
    return suite


def _case(suite: Element, run: Run, outcome: Outcome) -> None:
    finding = outcome.finding
    seconds = sum(max(step.exchange.ended - step.exchange.moment, 0) for step in finding.steps)
    classname = f"{outcome.cost}.{outcome.id.rpartition('.')[0]}".rstrip(".")
    case = SubElement(suite, "testcase", classname=clean(classname), name=clean(outcome.id), time=f"{seconds:.3f}")
    if outcome.verdict not in TAGS:
        return
    tag = SubElement(case, TAGS[outcome.verdict])
    message = clean(headline_of(finding))
    if outcome.verdict is not Verdict.NOTICE:
        tag.set("message", message)
    if outcome.verdict in (Verdict.BROKEN, Verdict.ERROR, Verdict.INCONCLUSIVE):
        tag.set("type", outcome.verdict.value)
    if outcome.verdict is not Verdict.SKIPPED:
        again = [curl(finding.steps[0].exchange, run.url)] if finding.steps else []
        facts = [f"Facts: {', '.join(outcome.facts)}"] if outcome.facts else []
        tag.text = clean("\n".join([outcome.sentence, message, *facts, *again]))


def _count(suite: Element) -> None:
    suite.set("tests", str(len(suite.findall("testcase"))))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("time", f"{sum(float(case.get('time', '0')) for case in suite.findall('testcase')):.3f}")


def _total(root: Element) -> None:
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
