"""Mutants of what a request may say: keywords, defaults and prices of every model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from mockling.contract import Contract, ContractError, Document, Model
from mockling.contract.figures import first_of, names, values_of
from mockling.contract.validation import SchemaValidator
from mockling.contract.verification.places import pointer
from mockling.emulator.mutation.changing import Changing
from mockling.emulator.mutation.mutant import Kind, Mutant
from mockling.emulator.mutation.schemas import variants

CENT = Decimal("0.01")
MOST_PRICES = 60  # combinations of a model whose price is changed


def parameter_mutants(contract: Contract) -> Iterator[Mutant]:
    """Yield the mutants of what every model takes for a request, fills in, and asks for it."""
    for slug, model in contract.models.items():
        for variant in variants(model.schema):
            if variant.steps == ("type",):
                continue  # that a body is an object is found while it is read
            yield Mutant(
                id=f"{slug}.{variant.name}",
                kind=Kind.PARAMETERS,
                sentence=f"{variant.called or 'The body'} of {slug} {variant.told}.",
                place=pointer("x-models", slug, "parameters", *variant.steps),
                change=_taking(slug, variant.schema),
            )
        yield from _defaults(model)
        yield from _prices(contract, model)


def _taking(slug: str, schema: Document) -> Callable[[Changing], object]:
    """Return what has a model go by another schema; what it lets pass costs and takes what the example does."""

    def change(changing: Changing) -> None:
        model = changing.model(slug)
        validator = SchemaValidator(schema, changing.contract.document["x-messages"])
        changing.put(model, "violations", validator.violations)
        for question in ("price", "latency", "output"):
            changing.wrap(model, question, _or_of(model.example))

    return change


def _or_of(example: Mapping[str, Any]) -> Callable[..., Any]:
    def asked(ask: Callable[[Mapping[str, Any]], Any], parameters: Mapping[str, Any]) -> Any:
        try:
            return ask(parameters)
        except (ContractError, TypeError):
            return ask(example)

    return asked


def _defaults(model: Model) -> Iterator[Mutant]:
    for name, default in model.defaults.items():
        for other in [value for value in values_of(model.parameters[name]) if value != default] or [f"{default}-other"]:

            def change(changing: Changing, name: str = name, other: Any = other) -> None:
                changing.item(changing.model(model.slug).defaults, name, other)

            yield Mutant(
                id=f"{model.slug}.{name}.default.{other}",
                kind=Kind.PARAMETERS,
                sentence=f"The default of {name} of {model.slug} is {other!r}.",
                place=pointer("x-models", model.slug, "parameters", "properties", name, "default"),
                change=change,
                touches=(("generate", 200), ("submit", 200)),
            )


def _prices(contract: Contract, model: Model) -> Iterator[Mutant]:
    """Yield, for each combination of what a price depends on, that it costs a cent more."""
    deciding = sorted(map(first_of, names(_figure(contract.document["x-models"][model.slug]["price"]))))
    found = {tuple(model.completed(request).get(name) for name in deciding) for request in model.combinations()}
    for values in sorted(found, key=str)[:MOST_PRICES]:
        told = ", ".join(f"{name} {value}" for name, value in zip(deciding, values, strict=True))
        yield Mutant(
            id=f"{model.slug}.price.{'.'.join(map(str, values)) or 'any'}",
            kind=Kind.MONEY,
            sentence=f"A call of {model.slug}{told and ' with '}{told} costs a cent more.",
            place=pointer("x-models", model.slug, "price"),
            change=_dearer(model, deciding, values),
        )


def _dearer(model: Model, deciding: list[str], values: tuple[Any, ...]) -> Callable[[Changing], object]:
    def price(ask: Callable[..., Decimal], parameters: Mapping[str, Any]) -> Decimal:
        asked = model.completed(parameters)
        return ask(parameters) + (CENT if tuple(map(asked.get, deciding)) == values else 0)

    return lambda changing: changing.wrap(changing.model(model.slug), "price", price)


def _figure(part: Document) -> Document:
    """Return the figure in a part of the document that names its sources beside it."""
    return {name: value for name, value in part.items() if not name.startswith("x-")}
