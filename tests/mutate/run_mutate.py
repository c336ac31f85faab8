"""``python3 dev.py mutate PATH… [--sample N] [--seed S]``: which changes of the program no test notices.

Each mutant is one small change, by Cosmic Ray's operators and three more.  The tests that run the changed statement are tried on it, in a copy
of the project, the fastest first, up to ``--seconds`` of tests.  Results are kept in ``.cache/mutate``: an interrupted run continues, and a mutant
is tried again only if the function around it changed, or, as long as it survives, the tests.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recording import Recordings, files_of_tests, sha

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "mutate"
HERE = Path(__file__).resolve().parent
EQUIVALENT = HERE / "equivalent.toml"
# Most mutants end at one of a few quick tests; only the others meet all.
QUICK_S = 3.0
# How long a mutant may take: to start, and how many times the recorded seconds of its tests, which are of the processor; in all.
START_S, PATIENCE, LONGEST_S = 30.0, 20.0, 150.0


@dataclass
class Mutant:
    """One change, and what became of it: "killed", "timeout", "survived", "not covered", or "" if it was not tried."""

    path: str
    operator: str
    start: int
    end: int
    after: list[str]
    outcome: str = ""
    by: str = ""
    tried: int = 0
    reason: str = ""

    def text(self, lines: Sequence[str]) -> str:
        """The file with the change."""
        return "".join([*lines[: self.start], *self.after, *lines[self.end :]])

    def change(self, lines: Sequence[str]) -> tuple[str, str]:
        """What the lines were and what they are, each in one line."""
        return " ".join("".join(lines[self.start : self.end]).split()), " ".join("".join(self.after).split())

    def key(self, lines: Sequence[str], tree: ast.Module) -> str:
        """The same as long as the function or class around the change is the same."""
        around = next((node for node in tree.body if _first(node) <= self.start + 1 <= (node.end_lineno or 0)), None)
        first, last = (_first(around) - 1, around.end_lineno) if around else (self.start, self.end)
        name = getattr(around, "name", "")
        text = "".join([*lines[first : self.start], "<<", *lines[self.start : self.end], ">>", *self.after, *lines[self.end : last]])
        return hashlib.sha256(f"{self.path}\0{name}\0{text}".encode()).hexdigest()[:24]


def _first(node: ast.stmt) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])


def statement(tree: ast.Module, start: int, end: int) -> tuple[range, bool]:
    """The lines (from 1) of the innermost statement that has all of the changed lines, without what is nested in it; if it is in a function."""
    best: ast.stmt = tree.body[0]
    inside = False
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and _first(node) <= start + 1 and end <= (node.end_lineno or 0):
            best = node
            inside |= isinstance(node, ast.FunctionDef) and start + 1 > _header_end(node)
    return range(_first(best), _header_end(best) + 1), inside


def users(tree: ast.Module, where: range, asked: frozenset[range] = frozenset()) -> set[int]:
    """The lines of the functions that use a name which a statement of the module defines.  ``asked``: statements that are being looked at."""
    defined = {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.lineno in where
    } | {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.lineno in where}
    uses = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in defined]
    found: set[int] = set()
    for node in uses:
        used_in, inside = statement(tree, node.lineno - 1, node.lineno)
        if inside:
            found.update(used_in)
        elif used_in not in asked and not set(used_in) & set(where):
            found |= users(tree, used_in, asked | {where})
    return found


def _header_end(node: ast.stmt) -> int:
    body = getattr(node, "body", None)
    return max(node.lineno, body[0].lineno - 1) if body else node.end_lineno or node.lineno


class Copy:
    """A copy of the project and the process that runs tests in it."""

    def __init__(self, base: Path, number: int) -> None:
        self.root = base / f"project-{number}"
        names = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.split("\0")
        for name in filter(None, names):
            if (ROOT / name).is_file():
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.root / name)
        for name in (".cache/azurite", ".venv"):
            if (ROOT / name).exists():
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                (self.root / name).symlink_to(ROOT / name)
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(self.root), str(self.root / "tests")]),
            "QT_QPA_PLATFORM": "offscreen",
        }
        for name in ("COVERAGE_FILE", "PYTHONDONTWRITEBYTECODE"):
            environment.pop(name, None)
        script = self.root / "tests" / "mutate" / "worker.py"
        self.process = subprocess.Popen(
            [sys.executable, str(script)], cwd=self.root, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("The process that runs the tests ended.")
        return json.loads(line)

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request of ``worker.py``; its answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """End the process, and the tests that it runs."""
        self.process.terminate()
        self.process.wait()


@dataclass
class Run:
    """Everything about one command."""

    paths: list[str]
    tests: list[str]
    seconds: float
    root: Path
    """A copy of the project as it was when the command began."""
    recordings: Recordings = field(init=False)
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    killers: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.recordings = Recordings(self.root, CACHE / "recordings")
        self.file = CACHE / "results.jsonl"
        if self.file.exists():
            for line in self.file.read_text("utf-8").splitlines():
                known = json.loads(line)
                self.results[known["key"]] = known
        self.killers.update(known["by"] for known in self.results.values() if known["by"])

    def keep(self, key: str, mutant: Mutant, tests: str) -> None:
        """Write a result, so that the next run has it."""
        known = {"key": key, "outcome": mutant.outcome, "by": mutant.by, "tried": mutant.tried, "tests": tests}
        with self.lock:
            self.results[key] = known
            with self.file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(known) + "\n")


def each(work: queue.SimpleQueue[Any], copies: list[Copy], do: Any) -> None:
    """``do(copy, item)`` for every item, in as many threads as there are copies."""
    problems: list[BaseException] = []

    def loop(copy: Copy) -> None:
        try:
            while not problems:
                do(copy, work.get_nowait())
        except queue.Empty:
            return
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=loop, args=(copy,), daemon=True) for copy in copies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]


def record(run: Run, copies: list[Copy]) -> None:
    """Record the tests that were not, or whose recording no longer counts."""
    stale = [name for name in run.tests if run.recordings.stale(name, run.paths)]
    work: queue.SimpleQueue[str] = queue.SimpleQueue()
    for name in stale:
        work.put(name)

    def one(copy: Copy, name: str) -> None:
        data = run.recordings.data(name)
        answer = copy.ask(record=name, data=str(data))
        run.recordings.keep(name, answer["seconds"])
        say(f"recorded {len(answer['seconds'])} tests of {name} (status {answer['exit']}); {work.qsize()} files to record")

    each(work, copies, one)


def choose(run: Run, mutant: Mutant, tree: ast.Module, covering: tuple[dict[int, set[str]], dict[str, float]]) -> list[str]:
    """The tests for a mutant, in their order.

    The fastest are the first; each further case of a table counts as slower, and so do files that are neither named for the module nor in its folder.
    Each test of a file that is has at least one case, whatever the limit is.
    """
    lines, seconds = covering
    where, inside = statement(tree, mutant.start, mutant.end)
    if not inside:
        where = users(tree, where) or lines  # what nobody in the module uses counts for every test of the module
    names = set().union(*(lines.get(line, ()) for line in where))
    *_, folder, module = Path(mutant.path).with_suffix("").parts
    cases: Counter[str] = Counter()
    costs: dict[str, float] = {}
    always: set[str] = set()
    for name in sorted(names, key=lambda name: (seconds[name], name)):
        file = name.partition("::")[0]
        far = 1 if module in file.rpartition("/")[2] else 2 if file.startswith(f"tests/{folder}/") else 5
        case = name.partition("[")[0]
        costs[name] = seconds[name] * far * (1 + 0.3 * cases[case])
        if far < 5 and not cases[case]:
            always.add(name)
        cases[case] += 1
    total = 0.0
    chosen: list[str] = []
    for name in sorted(costs, key=lambda name: (costs[name], name)):
        if name in always or not chosen or total + seconds[name] <= run.seconds:
            total += seconds[name]
            chosen.append(name)
    return chosen


def attempt(copy: Copy, mutant: Mutant, text: str, stages: list[tuple[list[str], float]]) -> None:
    """Try a mutant, first with the quick tests."""
    for tests, seconds in stages:
        answer = copy.ask(path=mutant.path, text=text, tests=tests, limit=min(START_S + PATIENCE * seconds, LONGEST_S))
        mutant.tried += len(tests)
        mutant.by = answer["first"]
        if answer["exit"] is None:
            mutant.outcome = "timeout"
        elif answer["exit"] in (0, 5):  # 5: a parameter has another name
            mutant.outcome = "survived"
            continue
        else:
            mutant.outcome = "killed"
        return


def try_all(run: Run, mutants: list[Mutant], copies: list[Copy]) -> None:
    """Give every mutant its outcome, from this run or one before."""
    texts = {path: (run.root / path).read_text("utf-8").splitlines(keepends=True) for path in run.paths}
    trees = {path: ast.parse("".join(lines)) for path, lines in texts.items()}
    covering = {path: run.recordings.lines(run.tests, path) for path in {mutant.path for mutant in mutants}}
    contents = {name: sha(run.root / name) for name in run.tests}
    work: queue.SimpleQueue[tuple[Mutant, str, str, list[str]]] = queue.SimpleQueue()
    for mutant in mutants:
        tests = choose(run, mutant, trees[mutant.path], covering[mutant.path])
        digest = hashlib.sha256("".join(sorted({contents[name.partition("::")[0]] for name in tests})).encode()).hexdigest()[:12]
        key = mutant.key(texts[mutant.path], trees[mutant.path])
        known = run.results.get(key)
        if known and (known["outcome"] in ("killed", "timeout") or known["tests"] == digest):
            mutant.outcome, mutant.by, mutant.tried = known["outcome"], known["by"], known["tried"]
        elif not tests:
            mutant.outcome = "not covered"
        else:
            work.put((mutant, key, digest, tests))
    total = work.qsize()
    say(f"{len(mutants)} mutants; {total} to try")

    def one(copy: Copy, item: tuple[Mutant, str, str, list[str]]) -> None:
        mutant, key, digest, tests = item
        seconds = covering[mutant.path][1]
        tests = sorted(tests, key=lambda name: -min(run.killers[name], 3))  # those that noticed others are the first
        quick: list[str] = []
        for name in tests:
            if not quick or sum(seconds[each] for each in quick) + seconds[name] <= QUICK_S:
                quick.append(name)
        rest = [name for name in tests if name not in set(quick)]
        stages = [(part, sum(seconds[name] for name in part)) for part in (quick, rest) if part]
        attempt(copy, mutant, mutant.text(texts[mutant.path]), stages)
        run.keep(key, mutant, digest)
        if mutant.by:
            run.killers[mutant.by] += 1
        before, after = mutant.change(texts[mutant.path])
        if mutant.outcome != "killed":
            say(f"{mutant.outcome}: {mutant.path}:{mutant.start + 1}: {before} → {after}")
        if work.qsize() % 25 == 0:
            say(f"{work.qsize()} of {total} left")

    each(work, copies, one)


def accepted() -> dict[tuple[str, str, str], str]:
    """The survivors that no test can or should notice, with the reason: by file, lines before, lines after."""
    if not EQUIVALENT.exists():
        return {}
    listed = tomllib.loads(EQUIVALENT.read_text("utf-8")).get("mutant", [])
    return {(one["file"], " ".join(one["before"].split()), " ".join(one["after"].split())): one["reason"] for one in listed}


def table(mutants: list[Mutant]) -> str:
    """The outcomes by file; the score leaves out what no test can notice."""
    lines = [
        "| file | mutants | killed | time limit | survived | accepted | not covered | score |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    paths = sorted({mutant.path for mutant in mutants})
    for path in [*paths, *(["all"] if len(paths) > 1 else [])]:
        these = [mutant for mutant in mutants if path in (mutant.path, "all")]
        count = Counter("accepted" if mutant.reason else mutant.outcome for mutant in these)
        base = len(these) - count["accepted"]
        noticed = count["killed"] + count["timeout"]
        score = f"{100 * noticed / base:.0f} %" if base else "–"
        cells = [len(these), count["killed"], count["timeout"], count["survived"], count["accepted"], count["not covered"], score]
        lines.append(f"| `{path.removeprefix('chorus_gui/')}` | {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def reasons(mutants: list[Mutant]) -> str:
    """Why survivors were accepted: a table of reasons."""
    count = Counter(mutant.reason for mutant in mutants if mutant.reason)
    return "\n".join(
        ["| accepted because | changes |", "|---|---:|", *(f"| {reason} | {number} |" for reason, number in count.most_common())]
    )


def survivors(mutants: list[Mutant], root: Path) -> str:
    """What no test noticed, as lines of a diff."""
    out: list[str] = []
    for mutant in mutants:
        if mutant.outcome in ("survived", "not covered") and not mutant.reason:
            lines = (root / mutant.path).read_text("utf-8").splitlines(keepends=True)
            out.append(f"@@ {mutant.path}:{mutant.start + 1} {mutant.operator}, {mutant.outcome}, {mutant.tried} tests")
            out += [f"-{line.rstrip()}" for line in lines[mutant.start : mutant.end]] + [f"+{line.rstrip()}" for line in mutant.after]
    return "\n".join(out)


def list_mutants(root: Path, paths: list[str], sample: int, seed: int) -> list[Mutant]:
    """The mutants, from the list of a run before if neither the files nor the operators have changed."""
    content = "".join(sha(path) for path in [HERE / "list_mutants.py", *(root / path for path in paths)])
    name = hashlib.sha256(json.dumps([content, paths, sample, seed]).encode()).hexdigest()[:16]
    kept = CACHE / "mutants" / f"{name}.json"
    if not kept.exists():
        say("Making mutants")
        kept.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, str(HERE / "list_mutants.py"), str(sample), str(seed), *paths]
        environment = {**os.environ, "PYTHONPATH": str(CACHE / "packages")}
        kept.write_bytes(subprocess.run(command, cwd=root, env=environment, stdout=subprocess.PIPE, check=True).stdout)
    reasons = accepted()
    mutants = [Mutant(**one) for one in json.loads(kept.read_text("utf-8"))]
    for mutant in mutants:
        lines = (root / mutant.path).read_text("utf-8").splitlines(keepends=True)
        mutant.reason = reasons.get((mutant.path, *mutant.change(lines)), "")
    return mutants


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def source_files(names: list[str]) -> list[str]:
    """The files of the package that these paths are or have."""
    found: list[str] = []
    for name in names:
        path = (Path.cwd() / name).resolve()
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        if not path.exists() or not all(file.is_relative_to(ROOT / "chorus_gui") for file in files):
            sys.exit(f"{name} is not a file or folder of chorus_gui.")
        found += [file.relative_to(ROOT).as_posix() for file in files]
    return list(dict.fromkeys(found))


def main() -> None:
    """Try the mutants and print the table."""
    parser = argparse.ArgumentParser(
        prog="dev.py mutate", description="Change the program in one place at a time, and list what no test notices."
    )
    parser.add_argument("path", nargs="+", help="a file or folder of chorus_gui")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="try N mutants only; a larger sample has all of a smaller one")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="which sample (1)")
    parser.add_argument("--seconds", type=float, default=15.0, metavar="S", help="how many seconds of tests to try on one mutant (15)")
    parser.add_argument("--tests", default="", metavar="FOLDER,…", help="only the tests of these folders of tests/")
    parser.add_argument("--jobs", type=int, default=2, choices=(1, 2), help="how many mutants to try at the same time (2)")
    args = parser.parse_args()
    if not hasattr(os, "fork"):
        sys.exit("dev.py mutate needs Linux or macOS.")
    os.nice(5)
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background jobs ignore the first
        signal.signal(number, lambda *_: sys.exit(130))
    paths = source_files(args.path)
    CACHE.mkdir(parents=True, exist_ok=True)
    memory = Path("/dev/shm")
    roomy = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 4 * 2**30
    with tempfile.TemporaryDirectory(prefix="mutate-", dir=memory if roomy else None, ignore_cleanup_errors=True) as base:
        copies = [Copy(Path(base), number) for number in range(args.jobs)]
        try:
            root = copies[0].root
            mutants = list_mutants(root, paths, args.sample, args.seed)
            mutated = sorted({mutant.path for mutant in mutants})
            tests = [name for name in files_of_tests(root, mutated) if not args.tests or name.split("/")[1] in args.tests.split(",")]
            run = Run(mutated, tests, args.seconds, root)
            record(run, copies)
            try:
                try_all(run, mutants, copies)
            finally:
                report(mutants, root)
        finally:
            for copy in copies:
                copy.close()


def report(mutants: list[Mutant], root: Path) -> None:
    """Print what is known, also of a run that was interrupted."""
    tried = [mutant for mutant in mutants if mutant.outcome]
    print(survivors(tried, root))
    print()
    print(table(tried))
    if any(mutant.reason for mutant in tried):
        print()
        print(reasons(tried))
    texts = {path: " ".join((root / path).read_text("utf-8").split()) for path in {mutant.path for mutant in mutants}}
    for path, before, _ in accepted():
        if path in texts and before not in texts[path]:
            say(f"{EQUIVALENT.name} lists a line that {path} no longer has: {before}")
    if len(tried) < len(mutants):
        say(f"{len(mutants) - len(tried)} mutants were not tried. To continue, run the same command again.")


if __name__ == "__main__":
    main()
