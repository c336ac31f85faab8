"""A function that takes many parameters is hard to call right: values that travel together are a value."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MOST = 6


def functions(tree: ast.AST, *, in_class: bool = False) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, bool]]:
    """Every function of a file, and whether its first parameter is the object or class that it belongs to."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            static = any(isinstance(mark, ast.Name) and mark.id == "staticmethod" for mark in node.decorator_list)
            yield node, in_class and not static
        yield from functions(node, in_class=isinstance(node, ast.ClassDef))


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef, *, bound: bool) -> int:
    args = function.args
    given = len(args.posonlyargs) + len(args.args) + len(args.kwonlyargs) + bool(args.vararg) + bool(args.kwarg)
    return given - bound


def too_many(text: str) -> list[str]:
    """The functions of a source text that take more than :data:`MOST` parameters and do not say why.

    A dataclass has no constructor in the source, so none of its fields counts.
    """
    return [
        function.name
        for function, bound in functions(ast.parse(text))
        if parameters(function, bound=bound) > MOST and "parameters" not in (ast.get_docstring(function) or "")
    ]


def test_no_function_takes_more_than_six_parameters() -> None:
    package = ROOT / "chorus_gui"
    found = {
        f"{path.relative_to(package).as_posix()}: {name}"
        for path in sorted(package.rglob("*.py"))
        for name in too_many(path.read_text("utf-8"))
    }
    assert found == set()


def test_what_is_counted() -> None:
    six = "a, b, c, /, d, *, e, f=1"
    assert too_many(f"def free({six}): ...") == []
    assert too_many("def free(a, b, c, d, e, f, *rest): ...") == ["free"]
    assert too_many("def free(a, b, c, d, e, f, **rest): ...") == ["free"]
    assert too_many(f"class C:\n def bound(self, {six}): ...\n @classmethod\n def made(cls, {six}): ...") == []
    assert too_many(f"class C:\n @staticmethod\n def loose(z, {six}): ...") == ["loose"]
    assert too_many(f"class C:\n def bound(self, z, {six}):\n  def inner(self, {six}): ...") == ["bound", "inner"]
    assert too_many(f'def reasoned(z, {six}):\n "It takes seven parameters, because Qt calls it so."') == []
