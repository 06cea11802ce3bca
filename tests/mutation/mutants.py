"""Mutants: small changes of a source file, each at one place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators, operator_string

NO_BEHAVIOUR = (cst.Annotation, cst.Decorator, cst.Import, cst.ImportFrom)  # types, and what import time would refuse


@dataclass(frozen=True, order=True)
class Mutant:
    """One change: `lines` are the first and the last that it touches, `before` and `after` what stands there."""

    file: str
    lines: tuple[int, int]
    before: str
    after: str
    source: str

    @property
    def key(self) -> str:
        """The change in one line, without its line number, so that it stays valid when the file is edited elsewhere."""
        return f"{self.file}: {' '.join(self.before.split())} -> {' '.join(self.after.split())}"


def sample(root: Path, files: Iterable[Path], count: int, seed: int) -> list[Mutant]:
    """Return `count` mutants at different places. Places are drawn uniformly, then one change is drawn at each."""
    random = Random(seed)
    places = [(file, place) for file in sorted(files) for place in range(len(_places(file.read_text("utf-8"))))]
    chosen = random.sample(places, min(count, len(places)))
    return [_made(root, file, place, random) for file, place in sorted(chosen)]


def _made(root: Path, file: Path, place: int, random: Random) -> Mutant:
    source = file.read_text("utf-8")
    module, found, lines = _read(source)
    old, choices = found[place]
    new = random.choice(choices)
    changed = cst.ensure_type(module.deep_replace(old, new), cst.Module).code
    before, after = _difference(source.splitlines(), changed.splitlines())
    return Mutant(str(file.relative_to(root)), lines[place], before, after, changed)


def _difference(before: list[str], after: list[str]) -> tuple[str, str]:
    """Return the lines that differ between two texts, of each text."""
    while before and after and before[0] == after[0]:
        before, after = before[1:], after[1:]
    while before and after and before[-1] == after[-1]:
        before, after = before[:-1], after[:-1]
    return "\n".join(before), "\n".join(after)


def _places(source: str) -> list[tuple[cst.CSTNode, list[cst.CSTNode]]]:
    return _read(source)[1]


@cache
def _read(source: str) -> tuple[cst.Module, list[tuple[cst.CSTNode, list[cst.CSTNode]]], list[tuple[int, int]]]:
    wrapper = MetadataWrapper(cst.parse_module(source), unsafe_skip_copy=True)
    positions = wrapper.resolve(PositionProvider)
    found = list(_changes(wrapper.module))
    spans = [positions[node] for node, _ in found]
    return wrapper.module, found, [(span.start.line, span.end.line) for span in spans]


def _changes(node: cst.CSTNode) -> Iterator[tuple[cst.CSTNode, list[cst.CSTNode]]]:
    """Yield the nodes that can be changed, each with what can stand in its place."""
    if isinstance(node, NO_BEHAVIOUR):
        return
    made = [new for kind, change in mutation_operators if isinstance(node, kind) for new in _by(change, node)]
    made += _without(node)
    if made:
        yield node, made
    for child in node.children:
        yield from _changes(child)


def _by(change: object, node: cst.CSTNode) -> list[cst.CSTNode]:
    made = list(change(node))  # type: ignore[operator]
    return made[:1] if change is operator_string else made  # one change of a text is enough


def _without(node: cst.CSTNode) -> list[cst.CSTNode]:
    """Return what is left of a statement that is dropped: a call, a guard, a lock."""
    nothing = cst.SimpleStatementLine([cst.Pass()])
    if isinstance(node, cst.SimpleStatementLine) and isinstance(node.body[0], cst.Expr | cst.Raise | cst.AugAssign):
        doc = isinstance(node.body[0], cst.Expr) and isinstance(node.body[0].value, cst.SimpleString)
        return [] if doc else [nothing]
    if isinstance(node, cst.If) and node.orelse is None:
        return [node.with_changes(test=cst.Name("False"))]
    if isinstance(node, cst.With) and not any(item.asname for item in node.items):
        return [cst.If(cst.Name("True"), node.body)]
    return []
