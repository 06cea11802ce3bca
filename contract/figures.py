"""Figures: numbers, and other values, that follow from a request's parameters as a model's file says.

A figure is written as a constant; as a table, `{by: mode, values: {std: 1, pro: 2}}`, whose values may be tables again;
or as a sum, `{base: FIGURE, per: {duration: FIGURE}}`: `base` and, for each parameter below `per`, the figure times the
parameter's number. The number of a text is what it says, of a boolean 0 or 1, of a list its length, and of a path such
as `segments[].seconds` the sum over the list; of what was not given it is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from mockling.contract.document import ContractError

LARGEST = 10**12
_COUNTED = {"integer", "number", "boolean", "array", "null"}
_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null", list: "array"}
_TYPES[dict] = "object"
Parameters = Mapping[str, Any]
Choose = Callable[[Parameters], Any]


def number(figure: Any, schema: Mapping[str, Any], what: str) -> Callable[[Parameters], Decimal]:
    """Return the function that a figure is: parameters, defaults filled in, to an exact number.

    `schema` is that of the parameters, `what` the figure's name in errors. Raises `ContractError` if the figure is none
    or leaves out a value that a parameter may have; what is returned raises it for a value that the parameter cannot
    have.
    """
    if isinstance(figure, Mapping) and "by" not in figure:
        unknown = figure.keys() - {"base", "per"}
        if unknown or not figure:
            raise ContractError(f"{what} must be a number, a table (by, values) or a sum (base, per), got {figure!r}.")
        base = number(figure.get("base", 0), schema, f"{what}.base")
        terms = [
            (_quantity(path, schema, what), number(factor, schema, f"{what}.per.{path}"))
            for path, factor in _table(figure, "per", what).items()
        ]

        def total(parameters: Parameters) -> Decimal:
            amount = base(parameters)
            for count, factor in terms:
                amount += count(parameters) * factor(parameters)
            return amount

        return total
    if isinstance(figure, Mapping):
        return choice(figure, schema, what, lambda leaf, place: number(leaf, schema, place))
    constant = _decimal(figure)
    if constant is None or constant.copy_abs() >= LARGEST:
        raise ContractError(f"{what} must be a number (below 10^12), got {figure!r}.")
    return lambda _: constant


def choice(figure: Any, schema: Mapping[str, Any], what: str, leaf: Callable[[Any, str], Choose]) -> Choose:
    """Return the function that a table is: parameters to what `leaf` makes of the value chosen.

    Raises `ContractError` as `number` does.
    """
    if not (isinstance(figure, Mapping) and "by" in figure):
        return leaf(figure, what)
    if figure.keys() - {"by", "values", "otherwise"}:
        raise ContractError(f"{what} must be a table (by, values, otherwise) or a sum (base, per), not both.")
    name, values = str(figure["by"]), _table(figure, "values", what)
    check_top(name, schema, what)
    possible = _possible(name, schema, what)
    chosen = {
        text_of(value): choice(inner, schema, f"{what}.{text_of(value)}", leaf) for value, inner in values.items()
    }
    otherwise = choice(figure["otherwise"], schema, f"{what}.otherwise", leaf) if "otherwise" in figure else None
    missing = [value for value in possible if value not in chosen]
    if otherwise is None and (missing or not possible):
        raise ContractError(
            f"{what} is by {name} and says nothing for {', '.join(missing) or 'other values'}; "
            "name them, or `otherwise`."
        )

    def chooses(parameters: Parameters) -> Any:
        found = chosen.get(text_of(parameters.get(name)), otherwise)
        if found is None:
            raise ContractError(f"There is no {name} {parameters.get(name)!r}; there is {', '.join(chosen)}.")
        return found(parameters)

    return chooses


def values_of(schema: Mapping[str, Any]) -> list[Any]:
    """Return the values that a parameter may have beside null, if its schema counts them; else none."""
    booleans = [True, False] if kinds_of(schema) - {"null"} == {"boolean"} else []
    return [value for value in schema.get("enum", booleans) if value is not None]


def names(figure: Any) -> set[str]:
    """Return the paths of the parameters that a figure depends on."""
    if not isinstance(figure, Mapping):
        return set()
    inner = [
        *figure.get("values", {}).values(),
        *figure.get("per", {}).values(),
        figure.get("otherwise"),
        figure.get("base"),
    ]
    own = {str(figure["by"])} if "by" in figure else set(figure.get("per", ()))
    return own.union(*map(names, inner))


def text_of(value: object) -> str:
    """Return a JSON value as it is written as a key: true, 5 (5.0 is the same number), pro, and nothing for null."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else str(value)


def at(path: str, parameters: Any) -> Iterator[tuple[str, Any]]:
    """Yield every value at a path such as `elements[].frontal_image_url`, with its place: `elements[0].frontal_...`.

    null is no value, and what is no list or no object where the path has one holds none.
    """
    step, _, rest = path.partition(".")
    name, listed = step.removesuffix("[]"), step.endswith("[]")
    inside = parameters.get(name) if isinstance(parameters, Mapping) else None
    items = inside if isinstance(inside, list) else ()
    for place, item in [(f"{name}[{index}]", item) for index, item in enumerate(items)] if listed else [(name, inside)]:
        if rest:
            yield from ((f"{place}.{below}", value) for below, value in at(rest, item))
        elif item is not None:
            yield place, item


def first_of(path: str) -> str:
    """Return the parameter in which a path begins."""
    return path.partition(".")[0].removesuffix("[]")


def check_top(name: str, schema: Mapping[str, Any], what: str) -> None:
    """Raise `ContractError` if there is no parameter of that name, at the top."""
    schema_at(name, schema, what)
    if name not in schema["properties"]:
        raise ContractError(f"{what} names {name!r}; it must be a parameter itself, not one inside another.")


def check_kind(path: str, kind: str, schema: Mapping[str, Any], what: str) -> None:
    """Raise `ContractError` if the parameter at a path is not there, or may be of a type that is not `kind` or null."""
    kinds = kinds_of(schema_at(path, schema, what))
    if kinds - {"null"} != {kind}:
        told = ", ".join(sorted(kinds)) or "any"
        raise ContractError(f"{what} names the parameter {path!r}, which must be of the type {kind}, not {told}.")


def schema_at(path: str, schema: Mapping[str, Any], what: str) -> Mapping[str, Any]:
    """Return the schema of the parameter at a path. Raises `ContractError` if there is none."""
    for step in path.split("."):
        name = step.removesuffix("[]")
        properties = schema.get("properties", {})
        if name not in properties:
            raise ContractError(
                f"{what} names the parameter {path!r}, which there is not; there is {', '.join(properties)}."
            )
        schema = _part(properties[name], path, what)
        if step.endswith("[]"):
            if "items" not in schema:
                raise ContractError(f"{what} names {path!r}, but {name} is no list with items.")
            schema = _part(schema["items"], path, what)
    return schema


def _part(schema: Any, path: str, what: str) -> Mapping[str, Any]:
    if not isinstance(schema, Mapping):
        raise ContractError(f"{what} names {path!r}, whose schema must be an object, got {schema!r}.")
    return schema


def _table(figure: Mapping[str, Any], name: str, what: str) -> Mapping[str, Any]:
    table = figure.get(name, {})
    if not isinstance(table, Mapping):
        raise ContractError(f"{what}.{name} must be an object, got {table!r}.")
    return table


def _possible(name: str, schema: Mapping[str, Any], what: str) -> list[str]:
    part = schema_at(name, schema, what)
    values = values_of(part)
    if any(isinstance(value, list | dict) for value in values):
        raise ContractError(f"{what} is by {name}, whose values must be plain, not lists or objects.")
    given = "default" in part or (name in schema.get("required", ()) and "null" not in kinds_of(part))
    # Where a number is taken for a text, it has become the text by then.
    return list(dict.fromkeys([*map(text_of, values), *([] if given or not values else [""])]))


def _quantity(path: str, schema: Mapping[str, Any], what: str) -> Callable[[Parameters], Decimal]:
    part = schema_at(path, schema, what)
    if not ("enum" in part or kinds_of(part) <= _COUNTED) or not kinds_of(part):
        raise ContractError(f"{what} is per {path}, whose type must be integer, number, boolean or array.")
    known = {text_of(value): _decimal(value) for value in part.get("enum", ()) if value is not None}
    if None in known.values():
        raise ContractError(f"{what} is per {path}, whose values are no numbers.")
    plain = path in schema["properties"]

    def quantity(parameters: Parameters) -> Decimal:
        if plain:
            value = parameters.get(path)
            return Decimal(0) if value is None else count(value)
        return sum((count(value) for _, value in at(path, parameters)), Decimal(0))

    def count(value: Any) -> Decimal:
        amount = known.get(text_of(value)) if known else Decimal(len(value)) if _is_list(value) else _decimal(value)
        if amount is None:
            raise ContractError(f"There is no {path} {value!r}; {_hint(known)}.")
        return amount

    return quantity


def kinds_of(schema: Mapping[str, Any]) -> set[str]:
    """Return the types that a parameter may have, as far as its schema says; it says nothing: none."""
    if "type" not in schema:
        return {_TYPES[type(value)] for value in schema.get("enum", ())}
    kinds = schema["type"]
    return {kinds} if isinstance(kinds, str) else set(kinds)


def _hint(known: Mapping[str, Any]) -> str:
    names = list(known)
    return f"it is from {names[0]} to {names[-1]}" if names else "it must be a number"


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple)


def _decimal(value: object) -> Decimal | None:
    """Return a number, or a text that says one, exactly as it is written; None for anything else."""
    try:
        found = Decimal(str(int(value) if isinstance(value, bool) else value))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None
