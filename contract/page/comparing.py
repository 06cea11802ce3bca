"""A page against the contract: the address, the figures, the errors, the sample; and which model the page is of."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from mockling.contract.contract import Contract
from mockling.contract.document import ContractError
from mockling.contract.model import Model
from mockling.contract.page.parameters import compare_parameters
from mockling.contract.page.points import Comparison, Difference, Points, Steps, operation_at
from mockling.contract.page.reading import Page, Price
from mockling.contract.page.sampled import compare_sample

_DECORATION = " Serverless API"  # that newer pages put behind a model's title


def model_of(page: Page, contract: Contract) -> Model:
    """Return the model whose page it is, by its address. Raises `ContractError` if the contract does not have it."""
    if page.slug not in contract.models:
        known = ", ".join(contract.models)
        raise ContractError(f"The page is that of {page.slug[:100]!r}, and there is no such model; there is {known}.")
    return contract.models[page.slug]


def differences(page: Page, model: Model, contract: Contract) -> list[Difference]:
    """Return in which points a page and the contract differ."""
    return list(compare(page, model, contract).differences)


def compare(page: Page, model: Model, contract: Contract) -> Comparison:
    """Hold a page against a model, and the platform around it. Values are compared, never the wording of a text."""
    points = Points(contract.document)
    document = contract.document["x-models"][model.slug]
    _compare_address(points, page, model, contract)
    _compare_figures(points, page, model)
    compare_parameters(points, page, document)
    _compare_answers(points, page, contract)
    compare_sample(points, page.sample, model, contract)
    return points.comparison()


def _compare_address(points: Points, page: Page, model: Model, contract: Contract) -> None:
    steps, method, path = operation_at(contract, "generate")
    url = contract.live_origins[0] + path.format(model=model.slug)
    points.check("endpoint.method", steps, page.method, method)
    points.check("endpoint.url", steps, page.url, url)
    if page.queued:
        steps, method, path = operation_at(contract, "submit")
        points.check("submit", steps, " ".join(page.queued), f"{method} {path.format(model=model.slug)}")


def _compare_figures(points: Points, page: Page, model: Model) -> None:
    steps = ("x-models", model.slug)
    titles = [title.removesuffix(_DECORATION) for title in page.titles]
    points.check("title", (*steps, "title"), titles[0] or None, model.title, model.title in titles)
    latency = Decimal(str(model.latency(model.example)))
    seconds = _rounded(latency, page.latency) if page.latency is not None else latency
    page_seconds = None if page.latency is None else f"{page.latency} s"
    points.check("latency", (*steps, "latency"), page_seconds, f"{seconds} s", page.latency == seconds)
    prices = [model.price(request) for request in model.combinations()]
    _compare_price(points, (*steps, "price"), page.price, min(prices), max(prices))


def _compare_price(points: Points, steps: Steps, said: Price | None, least: Decimal, most: Decimal) -> None:
    contract = f"${least} to ${most} per generation" if least != most else f"${least} per generation"
    if said is None:
        points.check("price", steps, None, contract)
        return
    page = f"${said.least} to ${said.most}" if said.least != said.most else f"{'about ' * said.about}${said.least}"
    if said.about:  # an average over calls that nobody knows
        same = _rounded(least, said.least) <= said.least <= said.most <= _rounded(most, said.most)
    else:
        same = (said.least, said.most) == (least, most)
    page += f" per {said.per}" if said.per else ""
    points.check("price", steps, page, contract, same and said.per in (None, "generation"))


def _rounded(amount: Decimal, like: Decimal) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(int(like.as_tuple().exponent)), ROUND_HALF_UP)


def _compare_answers(points: Points, page: Page, contract: Contract) -> None:
    steps, operation = operation_at(contract, "generate")[0], contract.operations["generate"]
    said, answers = {refusal.status: refusal for refusal in page.refusals}, operation["responses"]
    success = next(status for status in answers if status.startswith("2"))
    returned = answers[success].get("x-page", {}).get("returns")
    points.check("returns", (*steps, "responses", success), page.returns, returned)
    points.check("errors.messages", steps, page.messages_in, operation.get("x-page", {}).get("messages_in"))
    if not said:
        points.check("errors", (*steps, "responses"), None, ", ".join(status for status in answers if status > "299"))
        return
    for status in [status for status in answers if status not in said and "x-page" in answers[status]]:
        if status != success:
            points.check(f"errors.{status}", (*steps, "responses", status), None, answers[status]["x-page"]["name"])
    for status, refusal in said.items():
        if status not in answers:
            points.differ(f"errors.{status}", (*steps, "responses"), refusal.name, None)
            continue
        known, place = answers[status].get("x-page", {}), (*steps, "responses", status)
        points.check(f"errors.{status}.name", place, refusal.name, known.get("name"))
        points.check(f"errors.{status}.text", place, refusal.text or None, known.get("text"))
