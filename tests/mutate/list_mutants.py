"""Lists the mutants of source files.  It runs in a process of its own, because Cosmic Ray and what it needs are in ``.cache`` alone.

``list_mutants.py SAMPLE SEED FILE…`` prints a JSON list of ``{"path", "operator", "start", "end", "after"}``: the lines of the file from ``start`` up to,
but without, ``end`` (counted from 0) become the lines ``after``.  A sample of 0 is all.
"""

from __future__ import annotations

import ast
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cosmic_ray.plugins  # pyright: ignore[reportMissingImports]
from cosmic_ray.ast import ast_nodes, get_ast  # pyright: ignore[reportMissingImports]
from cosmic_ray.mutating import mutate_code  # pyright: ignore[reportMissingImports]
from cosmic_ray.operators.operator import Example, Operator  # pyright: ignore[reportMissingImports]
from parso.python.tree import Name, PythonNode  # pyright: ignore[reportMissingImports]

# Of Cosmic Ray's operators, those that make another decision.  Most of the rest make an error of types (``+`` → ``<<``), which every test
# notices, or what nobody can notice (``==`` → ``is`` between small numbers): both would change the score, and say nothing about the tests.
CORE = [
    "AddNot",
    "ReplaceAndWithOr",
    "ReplaceOrWithAnd",
    "ReplaceTrueWithFalse",
    "ReplaceFalseWithTrue",
    "ReplaceBreakWithContinue",
    "ReplaceContinueWithBreak",
    "ExceptionReplacer",
    "NumberReplacer",
    "RemoveDecorator",
    "ZeroIterationForLoop",
    "ReplaceBinaryOperator_Add_Sub",
    "ReplaceBinaryOperator_Sub_Add",
    "ReplaceBinaryOperator_Mul_FloorDiv",
    "ReplaceBinaryOperator_Div_Mul",
    "ReplaceBinaryOperator_FloorDiv_Mul",
    "ReplaceBinaryOperator_Mod_Mul",
    "ReplaceBinaryOperator_Pow_Mul",
    "ReplaceBinaryOperator_BitOr_BitAnd",
    "ReplaceBinaryOperator_BitAnd_BitOr",
    "ReplaceBinaryOperator_BitXor_BitOr",
    "ReplaceBinaryOperator_LShift_RShift",
    "ReplaceBinaryOperator_RShift_LShift",
    "ReplaceComparisonOperator_Eq_NotEq",
    "ReplaceComparisonOperator_NotEq_Eq",
    "ReplaceComparisonOperator_Is_IsNot",
    "ReplaceComparisonOperator_IsNot_Is",
    "ReplaceComparisonOperator_Lt_LtE",
    "ReplaceComparisonOperator_Lt_GtE",
    "ReplaceComparisonOperator_LtE_Lt",
    "ReplaceComparisonOperator_LtE_Gt",
    "ReplaceComparisonOperator_Gt_GtE",
    "ReplaceComparisonOperator_Gt_LtE",
    "ReplaceComparisonOperator_GtE_Gt",
    "ReplaceComparisonOperator_GtE_Lt",
    "ReplaceUnaryOperator_Delete_Not",
    "ReplaceUnaryOperator_Delete_USub",
    "ReplaceUnaryOperator_Delete_Invert",
]


# What an error says besides its sentence: tests/house/test_wording.py is about texts.
TEXTS = ("meaning", "remedy")


class LeaveOutCall(Operator):
    """A call whose value nobody uses does not happen."""

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        """One, if the node is the whole of a statement and a call."""
        if node.type == "atom_expr" and node.parent.type == "simple_stmt" and node.children[-1].type == "trailer":
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """``pass`` in its place."""
        return Name("pass", node.start_pos, prefix=node.get_first_leaf().prefix)

    @classmethod
    def examples(cls) -> tuple[Any, ...]:
        """For Cosmic Ray's own tests."""
        return (Example("journal.close(row)", "pass"),)


class ReturnNothing(Operator):
    """A function returns None."""

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        """One, if the node returns something that is not a constant."""
        if node.type == "return_stmt" and node.children[1].type != "keyword":
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """``None`` in place of the value."""
        node.children[1] = Name("None", node.children[1].start_pos, prefix=" ")
        return node

    @classmethod
    def examples(cls) -> tuple[Any, ...]:
        """For Cosmic Ray's own tests."""
        return (Example("return x", "return None"),)


class LeaveOutKeyword(Operator):
    """A call gives one keyword argument less: the function's default counts."""

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        """One for each keyword argument of a call."""
        for argument in self._keywords(node):
            yield argument.start_pos, argument.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """The call without it, and without the comma that follows."""
        argument = list(self._keywords(node))[index]
        at = node.children.index(argument)
        comma = at + 1 < len(node.children) and node.children[at + 1].type == "operator" and node.children[at + 1].value == ","
        del node.children[at : at + 1 + comma]
        return node

    @staticmethod
    def _keywords(node: Any) -> Iterator[Any]:
        if not isinstance(node, PythonNode) or node.type not in ("arglist", "trailer"):
            return
        for child in node.children:
            if child.type == "argument" and child.children[1] == "=" and child.children[0].value not in TEXTS:
                yield child

    @classmethod
    def examples(cls) -> tuple[Any, ...]:
        """For Cosmic Ray's own tests."""
        return (Example("f(x, y=1)", "f(x, )"),)


OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is}


class _Meaning(ast.NodeTransformer):
    """Removes from a module what does not change what it does."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        """``not a is b`` is ``a is not b``."""
        self.generic_visit(node)
        inside = node.operand
        if isinstance(node.op, ast.Not) and isinstance(inside, ast.Compare) and len(inside.ops) == 1 and type(inside.ops[0]) in OPPOSITE:
            return ast.Compare(inside.left, [OPPOSITE[type(inside.ops[0])]()], inside.comparators)
        if isinstance(node.op, ast.Not) and isinstance(inside, ast.UnaryOp) and isinstance(inside.op, ast.Not):
            return inside.operand
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        for decorator in node.decorator_list:  # frozen and slots help whoever writes code
            if isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Name) and decorator.func.id == "dataclass":
                decorator.args, decorator.keywords = [], []
        return self.generic_visit(node)


def meaning(text: str) -> str | None:
    """What decides whether two texts do the same.  None: it is not Python."""
    try:
        return ast.dump(_Meaning().visit(ast.parse(text)))
    except SyntaxError:
        return None


def kinds() -> list[Any]:
    """All operators, always in the same order."""
    return [*(cosmic_ray.plugins.get_operator(f"core/{name}") for name in CORE), LeaveOutCall, ReturnNothing, LeaveOutKeyword]


class Module:
    """One file, whose mutants are made when they are asked for: each takes a tenth of a second."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.text = Path(path).read_text("utf-8")
        self.lines = self.text.splitlines(keepends=True)
        self.seen = {meaning(self.text), None}

    def places(self) -> list[tuple[Module, Any, int]]:
        """Every operator and occurrence of it that this file has."""
        nodes = list(ast_nodes(get_ast(self.text)))
        counts = [(kind, sum(len(list(kind().mutation_positions(node))) for node in nodes)) for kind in kinds()]
        return [(self, kind, number) for kind, count in counts for number in range(count)]

    def mutant(self, kind: Any, occurrence: int) -> dict[str, Any] | None:
        """One; None if it is not Python, does what the file does, or does what a mutant before it did."""
        try:
            changed = mutate_code(self.text, kind(), occurrence)
        except AttributeError:  # Cosmic Ray cannot replace “*NAMES” in the list of an “except”
            return None
        if changed is None or (does := meaning(changed)) in self.seen:
            return None
        self.seen.add(does)
        new = changed.splitlines(keepends=True)
        start = next(n for n, (a, b) in enumerate(zip(self.lines, [*new, ""], strict=False)) if a != b)
        same = min(len(self.lines), len(new)) - start
        tail = next((n for n in range(same) if self.lines[-1 - n] != new[-1 - n]), same)
        end, after = len(self.lines) - tail, new[start : len(new) - tail]
        return {"path": self.path, "operator": kind.__name__, "start": start, "end": end, "after": after}


def mutants(paths: list[str], sample: int, seed: int) -> list[dict[str, Any]]:
    """All mutants of these files, or a sample; a larger sample with the same seed has all of a smaller one."""
    places = [place for path in paths for place in Module(path).places()]
    if sample:
        random.Random(seed).shuffle(places)
    found: list[dict[str, Any]] = []
    for module, kind, occurrence in places:
        if sample and len(found) == sample:
            break
        if one := module.mutant(kind, occurrence):
            found.append(one)
    return sorted(found, key=lambda one: (one["path"], one["start"], one["end"], one["operator"], one["after"]))


if __name__ == "__main__":
    print(json.dumps(mutants(sys.argv[3:], int(sys.argv[1]), int(sys.argv[2]))))
