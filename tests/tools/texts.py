"""Every text that a person can meet, with its place: ``python3 dev.py texts [AREA]`` prints them.

Only the standard library, and nothing of the program is imported: Python sources are parsed, templates and documents are read.
A value that is only known when the program runs is shown as “…”; a choice between two words as “is/are”.  ``--offenders`` prints only the
texts that ``docs/wording.md`` rejects, and ``--todo`` lowers the counts of ``tests/house/wording_todo.txt`` to what is left.

What it does not see: single words in lower case, words that arrive as a value (the value of an enum, a column's key), texts that are
put together piece by piece (each piece is seen, the whole is not), and texts of other programs and libraries.
"""

from __future__ import annotations

import argparse
import ast
import io
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
WORDING = ROOT / "docs" / "wording.md"
TODO = ROOT / "tests" / "house" / "wording_todo.txt"
AREAS = ("core", "app", "ui", "cli", "resources_installer", "docs")
HOLE = "…"


class Text(NamedTuple):
    """A text in a file, from the root with “/”; ``line`` is its first line, from 1."""

    file: str
    line: int
    text: str

    @property
    def area(self) -> str:
        """The part of the program that shows it: one of ``AREAS``."""
        top, _, rest = self.file.partition("/")
        if top == "chorus_gui":
            package = rest.partition("/")[0]
            return package if package in AREAS else "app"
        return "resources_installer" if top in ("resources", "installer", "dev.py") else "docs"


class Rule(NamedTuple):
    """A pattern that no text may match, with texts that it has to reject and texts that it has to accept."""

    pattern: re.Pattern[str]
    wrong: tuple[str, ...]
    right: tuple[str, ...]


class Allowed(NamedTuple):
    """A text that a rule rejects and that is right all the same, with the reason."""

    file: str
    text: str
    reason: str


# --- Python ---------------------------------------------------------------------------------------------------------------

# Calls whose arguments nobody reads: names, keys, SQL, regular expressions, styles, formats.
SILENT = set(
    re.findall(
        r"\w+",
        "execute executemany executescript compile sub match search fullmatch findall finditer split rsplit partition rpartition startswith endswith "
        "removeprefix removesuffix strip lstrip rstrip index rindex count encode decode getLogger setObjectName setProperty property "
        "setStyleSheet findChild findChildren setattr hasattr cast TypeVar NewType strftime strptime toString QSettings setValue "
        "resource icon import_module getenv glob rglob fromhex QFont setFamily setFamilies QKeySequence CDLL WinDLL skipif "
        "filterwarnings system QRegularExpression exec maketrans QColor setNameFilter QByteArray loadFromData fromlist",
    )
)
# Of these the first argument is a key, and the next may be shown in its place.
KEYED = {"get", "pop", "setdefault", "getattr", "replace"}
# A call of one of these shows its arguments, so that a single word counts too.
SHOWN = set(
    re.findall(
        r"\w+",
        "label button setText setToolTip setTitle setWindowTitle setPlaceholderText setAccessibleName setAccessibleDescription setStatusTip addAction "
        "addMenu addTab addItem addItems QAction QLabel QPushButton QRadioButton QCheckBox QGroupBox QToolButton Column FormRow Question Tile Card "
        "heading add_parser add_argument add_argument_group say warn error note table",
    )
)
# Errors that only a developer meets.
INTERNAL = {"AssertionError", "NotImplementedError", "TypeError", "StopIteration"}

_SQL = re.compile(
    r"\s*(SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|PRAGMA|ATTACH|DETACH|BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|WITH|FROM|WHERE|AND|OR|"
    r"ORDER BY|GROUP BY|LEFT JOIN|JOIN|VALUES|REPLACE|UNION|LIMIT|SET|CASE|EXISTS|NOT)\b|.*\b(ORDER BY|GROUP BY|(?i:coalesce)\()"
)
_CODE = re.compile(
    r"""
    \(\?[:!=<P] | \\[dswbSWDZ] | \[\^ |                                          # a regular expression
    ^\s*(?:import|from)\s\w | ^\s*\w+\ =\ |\bdef\ \w+\( |                            # Python
    [\w-]+\s*:\s*[^;{}]+; | \{\s*[\w-]+\s*: |                                    # a style sheet
    ^\s*(?:[A-Z_]{3,}=|https?://\S+$|-{1,2}\w[\w-]*\s)|                          # a setting, an address, an option
    \b(?:INTEGER|TEXT|NULL|REAL)\b.*\b(?:INTEGER|TEXT|NULL|REAL|PRIMARY|DEFAULT)\b|\bIS\ NULL\b|\bAS\ [a-z_]+\b|\bIN\ \(|\ =\ \?|\bON\ \w+\.  # SQL
    """,
    re.VERBOSE,
)
_FORMAT = re.compile(r"%[-#]?[A-Za-z]|\b(?:yyyy|HH?|MM?|dd?|mm|ss|zzz)\b")
_TAG = re.compile(r"</?[a-z][^<>]*>")
_LABEL = re.compile(r"&?[A-Z][\w&’'-]*[….:?!]?")


def _reads_as_text(text: str, *, shown: bool) -> bool:
    bare = _FORMAT.sub("", _TAG.sub(" ", text)).strip()
    if not re.search(r"[^\W\d_]{2}", bare) or _SQL.match(text) or _CODE.search(text):
        return False
    if re.search(r"\S\s+\S", bare):
        return True
    return shown and _LABEL.fullmatch(bare) is not None


class _Python:
    """Collects the texts of one module."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.found: list[Text] = []

    def _take(self, node: ast.expr, text: str, shown: bool) -> None:
        if _reads_as_text(text, shown=shown):
            text = re.sub(r"\s+", " ", _TAG.sub(" ", text)).strip()
            self.found.append(Text(self.file, node.lineno, text))

    def walk(self, node: ast.AST | None, *, shown: bool = False) -> None:
        """Look at a node and all that is below it."""
        if node is None or isinstance(node, ast.Assert | ast.MatchValue | ast.Import | ast.ImportFrom):
            return
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):  # a docstring
            return
        if isinstance(node, ast.Constant | ast.JoinedStr | ast.BinOp | ast.IfExp):
            text = self._text(node)
            if text is not None:
                self._take(node, text, shown)
                self._holes(node)
                return
        if isinstance(node, ast.Call):
            self._call(node)
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and _name(node.exc.func) in INTERNAL:
            return
        elif isinstance(node, ast.Subscript):
            self.walk(node.value)
        elif isinstance(node, ast.Compare):
            for side in (node.left, *node.comparators):
                if not _is_plain(side):
                    self.walk(side)
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if not (isinstance(key, ast.Constant) and isinstance(key.value, str) and not re.match(r"[A-Z].* ", key.value)):
                    self.walk(key)
                self.walk(value, shown=shown)
        elif isinstance(node, ast.AnnAssign):
            self.walk(node.value)
        elif isinstance(node, ast.Assign):
            if not any(isinstance(target, ast.Name) and target.id in ("__all__", "__slots__") for target in node.targets):
                self.walk(node.value, shown=any(_is_enum_or_title(target) for target in node.targets))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            for default in (*node.args.defaults, *node.args.kw_defaults):
                self.walk(default)
            for part in node.body if isinstance(node.body, list) else [node.body]:
                self.walk(part)
        elif isinstance(node, ast.ClassDef):
            for part in node.body:
                self.walk(part)
        else:
            for child in ast.iter_child_nodes(node):
                self.walk(child, shown=shown and isinstance(node, ast.Tuple | ast.List | ast.Starred | ast.BoolOp | ast.IfExp))

    def _call(self, node: ast.Call) -> None:
        name = _name(node.func)
        self.walk(node.func)
        for place, argument in enumerate(node.args):
            if not (_is_plain(argument) and (name in SILENT or (name in KEYED and place == 0))):
                self.walk(argument, shown=name in SHOWN)
        for keyword in node.keywords:
            if keyword.arg not in ("metavar", "dest", "key", "icon", "name", "prog", "choices", "action", "encoding", "mode"):
                self.walk(keyword.value, shown=name in SHOWN or keyword.arg in ("title", "help", "text", "remedy", "meaning"))

    def _text(self, node: ast.expr) -> str | None:
        """The text that an expression makes, with holes; None if it makes none that is known here."""
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, str) else None
        if isinstance(node, ast.JoinedStr):
            return "".join(self._text(part) or HOLE for part in node.values)
        if isinstance(node, ast.FormattedValue):
            return self._choice(node.value)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            left, right = self._text(node.left), self._text(node.right)
            if left is None and right is None:
                return None
            return (HOLE if left is None else left) + (HOLE if right is None else right)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            left = self._text(node.left)
            return None if left is None else re.sub(r"%[sdr]", HOLE, left)
        return None

    @staticmethod
    def _choice(node: ast.expr) -> str | None:
        """“is/are” for a hole that is one of two short words."""
        if isinstance(node, ast.IfExp):
            words = [word.value for word in (node.body, node.orelse) if isinstance(word, ast.Constant) and isinstance(word.value, str)]
            if len(words) == 2 and all(re.fullmatch(r"[a-z]*", word) for word in words):
                return "/".join(filter(None, words))
        return None

    def _holes(self, node: ast.AST) -> None:
        """The expressions in the holes of a text may have texts of their own."""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FormattedValue):
                self.walk(child.value)
            elif isinstance(child, ast.JoinedStr | ast.BinOp):
                self._holes(child)
            elif not isinstance(child, ast.Constant):
                self.walk(child)


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _is_plain(node: ast.AST) -> bool:
    """Literals and nothing else."""
    if isinstance(node, ast.JoinedStr | ast.BinOp):
        return True
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return all(_is_plain(part) for part in node.elts)
    return isinstance(node, ast.Constant)


def _is_enum_or_title(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id.isupper()


def python_texts(path: Path, file: str) -> list[Text]:
    """The texts of a module."""
    module = _Python(file)
    for part in ast.parse(path.read_text("utf-8")).body:
        module.walk(part)
    return module.found


# --- templates, installer, documents --------------------------------------------------------------------------------------


def _lines(text: str) -> Iterator[tuple[int, str]]:
    return enumerate(text.split("\n"), 1)


def _jinja(text: str) -> str:
    """A template without its statements; the numbers of its lines stay."""
    text = re.sub(r"\{#.*?#\}", lambda found: "\n" * found[0].count("\n"), text, flags=re.DOTALL)
    return re.sub(r"\{\{.*?\}\}", HOLE, re.sub(r"\{%.*?%\}", "", text))


def _paragraphs(file: str, lines: Iterable[tuple[int, str]]) -> list[Text]:
    """Lines that follow each other, joined; an empty one ends a paragraph."""
    out: list[Text] = []
    start, parts = 0, []
    for number, line in (*lines, (0, "")):
        if line.strip():
            start = start if parts else number
            parts.append(line.strip())
        elif parts:
            out.append(Text(file, start, " ".join(parts)))
            parts = []
    return [text for text in out if _is_prose(text.text)]


def _is_prose(text: str) -> bool:
    return re.search(r"[^\W\d_]{2,}\W+[^\W\d_]{2,}", text) is not None


def toml_texts(path: Path, file: str) -> list[Text]:
    """The comments of a configuration template, without the keys that are commented out."""
    comments = []
    for number, line in _lines(_jinja(path.read_text("utf-8"))):
        found = re.match(r"\s*#\s?(.*)", line)
        comment = found[1] if found and not re.match(rf"(?:[\w.]+|{HOLE}) = |\[", found[1]) else ""
        if re.match(r"\w+: ", comment):
            comments.append((0, ""))
        comments.append((number, comment))
    return _paragraphs(file, comments)


def html_texts(path: Path, file: str) -> list[Text]:
    """What a page shows."""
    text = re.sub(r"<style>.*?</style>", lambda found: "\n" * found[0].count("\n"), path.read_text("utf-8"), flags=re.DOTALL)
    out: list[Text] = []
    for number, line in _lines(_jinja(text)):
        out += [Text(file, number, part.strip()) for part in re.split(r"<[^<>]*>", line) if re.search(r"[^\W\d_]{2}", part)]
    return out


_SAID = {
    "bat": re.compile(r'\becho (?!off)([^>&|]+)|set /p "[^"=]*=([^"]*)"'),
    "sh": re.compile(r"""\becho "([^"]*)"|\becho '([^']*)'|:\?([^"}]*)"""),
}


def script_texts(path: Path, file: str) -> list[Text]:
    """Comments and messages of a script's template."""
    out: list[Text] = []
    comments = []
    for number, line in _lines(_jinja(path.read_text("utf-8"))):
        comment = re.match(r"(?:rem|#)\s(?!shellcheck)(.*)", line.strip())
        comments.append((number, comment[1] if comment else ""))
        if comment or line.startswith("#!"):
            continue
        for message in _SAID[path.name.removesuffix(".j2").rpartition(".")[2]].findall(line):
            said = "".join(message).strip()
            if _is_prose(re.sub(r"[$%]\S*", "", said)):
                out.append(Text(file, number, said))
    return sorted([*out, *_paragraphs(file, comments)], key=lambda text: text.line)


_SHOWN_BY_NSIS = re.compile(
    r'\s*(?:MessageBox|DetailPrint|Abort|LangString|Section|SectionGroup|Caption|!define MUI_\w*TEXT\w*|VIAddVersionKey "FileDescription"'
    r"|WriteRegStr .*(?:FriendlyAppName|PROGID}\" \"\"))"
)


def nsis_texts(path: Path, file: str) -> list[Text]:
    """What the installer says."""
    out: list[Text] = []
    for number, line in _lines(path.read_text("utf-8")):
        if _SHOWN_BY_NSIS.match(line):
            for said in re.findall(r'"((?:[^"$]|\$.)*)"', line):
                said = re.sub(r"\$\{\w+\}|\$\w+(?<!n)", HOLE, said.replace("$\\n", " "))
                if _is_prose(said):
                    out.append(Text(file, number, said))
    return out


def markdown_texts(path: Path, file: str) -> list[Text]:
    """Paragraphs, items, headings and rows of tables; no blocks of code."""
    lines: list[tuple[int, str]] = []
    fenced = False
    for number, line in _lines(path.read_text("utf-8")):
        bare = line.strip()
        if bare.startswith("```"):
            fenced = not fenced
            lines.append((number, ""))
        elif fenced or re.fullmatch(r"[|\s:-]*", bare):
            lines.append((number, ""))
        elif re.match(r"([-*#|!]|\d+\.) ?", bare):
            lines += [(0, ""), (number, bare), *([(0, "")] if bare[0] in "#|" else [])]
        else:
            lines.append((number, bare))
    return _paragraphs(file, lines)


# --- everything -----------------------------------------------------------------------------------------------------------


def template_texts(path: Path, file: str) -> list[Text]:
    """What is rendered from a template: a configuration file or a script."""
    return (toml_texts if path.name.endswith(".toml.j2") else script_texts)(path, file)


_READERS = {".py": python_texts, ".html": html_texts, ".j2": template_texts, ".nsi": nsis_texts, ".md": markdown_texts}


def sources() -> list[Path]:
    """The files that hold texts, in order.  This page of rules is none: it has wrong texts on purpose."""
    folders = {"chorus_gui": "*.py", "resources": "*.*", "installer": "*.nsi", "docs": "*.md"}
    found = [path for folder, which in folders.items() for path in (ROOT / folder).rglob(which)]
    found += [ROOT / name for name in ("dev.py", "installer/inventory.py", "README.md", "CHANGELOG.md")]
    return sorted(path for path in found if path.suffix in _READERS and path != WORDING)


def texts(area: str = "") -> list[Text]:
    """Every text, or those of an area, by file and line."""
    out: list[Text] = []
    for path in sources():
        file = path.relative_to(ROOT).as_posix()
        out += sorted(_READERS[path.suffix](path, file), key=lambda text: text.line)
    return [text for text in out if area in ("", text.area)]


def _block(name: str) -> list[list[str]]:
    """The lines of a fenced block of the wording page, each split at “ :: ”."""
    found = re.search(rf"^```{name}\n(.*?)^```$", WORDING.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    if found is None:
        raise SystemExit(f"docs/wording.md has no block “{name}”.")
    return [re.split(r"\s+::\s+", line.strip()) for line in found[1].splitlines() if line.strip()]


def rules() -> list[Rule]:
    """The patterns of ``docs/wording.md``."""
    return [
        Rule(re.compile(pattern, re.IGNORECASE), tuple(wrong.split(" · ")), tuple(right.split(" · ")))
        for pattern, wrong, right in _block("reject")
    ]


def allowed_words() -> list[Allowed]:
    """Its exceptions."""
    return [Allowed(*parts) for parts in _block("allow")]


def broken(text: Text, against: Iterable[Rule], allowed: Iterable[Allowed]) -> list[str]:
    """What is wrong with a text: the words that a rule rejects.  Code in documents and the mark of a shortcut are left out."""
    bare = re.sub(r"&(?=\w)", "", re.sub(r"``?[^`]+``?", HOLE, text.text))
    for one in allowed:
        if one.file == text.file:
            bare = bare.replace(one.text, HOLE)
    return list(dict.fromkeys(found[0].strip() for rule in against for found in rule.pattern.finditer(bare)))


class Offender(NamedTuple):
    """A text with the words that are wrong in it."""

    text: Text
    words: list[str]

    def __str__(self) -> str:
        return f"{self.text.file}:{self.text.line}: [{'; '.join(self.words)}] {self.text.text}"


def offenders(among: Iterable[Text]) -> list[Offender]:
    """The texts that break a rule."""
    against, allowed = rules(), allowed_words()
    return [Offender(text, words) for text in among if (words := broken(text, against, allowed))]


def read_todo() -> dict[str, int]:
    """File → how many of its texts still break a rule."""
    if not TODO.is_file():
        return {}
    lines = (line.split() for line in TODO.read_text("utf-8").splitlines() if line and not line.startswith("#"))
    return {file: int(count) for count, file in lines}


def write_todo(counts: dict[str, int]) -> None:
    """Write the counts; without any left the file is deleted."""
    if not counts:
        TODO.unlink(missing_ok=True)
        return
    head = "# Texts that docs/wording.md rejects, by file. A count may only fall: “python3 dev.py texts --todo” lowers it.\n"
    TODO.write_text(head + "".join(f"{count:4} {file}\n" for file, count in sorted(counts.items())), "utf-8")


def main() -> int:
    """Print the texts."""
    parser = argparse.ArgumentParser(prog="dev.py texts", description="Print every text that a person can meet, with its file and line.")
    parser.add_argument("area", nargs="?", default="", choices=["", *AREAS], metavar="AREA", help=f"one of {', '.join(AREAS)}")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--offenders", action="store_true", help="only those that docs/wording.md rejects, with the words that are wrong")
    which.add_argument("--todo", action="store_true", help="lower the counts of tests/house/wording_todo.txt to what is left")
    which.add_argument("--count", action="store_true", help="how many there are in each area")
    options = parser.parse_args()
    if isinstance(sys.stdout, io.TextIOWrapper):  # a pipe on Windows has another encoding, which lacks “…”
        sys.stdout.reconfigure(encoding="utf-8")
    found = texts(options.area)
    wrong = offenders(found)
    if options.todo:
        left, counts = read_todo(), Counter(one.text.file for one in offenders(texts()))
        if more := sorted(file for file, count in counts.items() if count > left.get(file, 0)):
            sys.exit(f"These files have more rejected texts than before: {', '.join(more)}. Rewrite them: a count may only fall.")
        write_todo(dict(counts))
    elif options.count:
        for area in AREAS:
            bad = sum(one.text.area == area for one in wrong)
            print(f"{area:20} {sum(text.area == area for text in found):5,} texts {bad:5,} rejected")
    else:
        for one in wrong:
            print(one)
        if not options.offenders:
            bad = {one.text for one in wrong}
            for text in found:
                if text not in bad:
                    print(f"{text.file}:{text.line}: {text.text}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # “| head” has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
