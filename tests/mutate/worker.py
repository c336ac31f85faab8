"""Runs tests in a copy of the project, each time in a fork of this process, which has imported everything but the project.

A request is a line of JSON on the standard input, and its answer a line on the standard output:

- ``{"record": TEST_FILE, "data": FILE}`` runs the tests of a file and writes which of them runs which lines, as Coverage's data, to ``data``.
  The answer is ``{"seconds": {test: seconds}}``, with the tests that passed;
- ``{"path", "text", "tests": [TEST…], "limit": SECONDS}`` runs tests in this order, while the file ``path`` has this text.  The answer is
  ``{"exit": pytest's status or null at the limit, "first": the test that failed or ""}``.
"""

from __future__ import annotations

import ast
import functools
import gc
import importlib
import io
import json
import os
import pkgutil
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import coverage
import pytest

COPY = Path.cwd()
FILES = COPY.parent / f"{COPY.name}-files"
PLUGINS = [part for name in ("cacheprovider", "cov", "xdist", "xdist.looponfail") for part in ("-p", f"no:{name}")]
# The plugins were imported before pytest could rewrite their asserts.
OPTIONS = ("-q", *PLUGINS, "--tb=line", f"--basetemp={FILES / 'tests'}", "-W", "ignore::pytest.PytestAssertRewriteWarning")
# Pytest's plugins, and what they import at the end of every run
PRELOADED = ("hypothesis", "_hypothesis_pytestplugin", "pytestqt.plugin", "pytest_timeout", "PySide6.QtTest", "PySide6.QtWidgets")
RECORD_LIMIT_S = 1800.0


class Chosen:
    """Runs exactly these tests, in this order, and writes the name of the first that fails."""

    def __init__(self, tests: list[str], first: Path) -> None:
        self.order = {name: number for number, name in enumerate(tests)}
        self.first = first

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted((item for item in items if item.nodeid in self.order), key=lambda item: self.order[item.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.first.exists():
            self.first.write_text(report.nodeid, "utf-8")


def now() -> float:
    """A clock in seconds that other programs on this computer hardly touch: processor time, and a tenth of the time."""
    return time.process_time() + time.perf_counter() / 10


class Recorder:
    """Which test runs which lines, and how long it takes alone: with the shared fixtures that another test may have paid for."""

    def __init__(self, data: str) -> None:
        self.coverage = coverage.Coverage(data_file=data, source=[str(COPY / "chorus_gui")], config_file=False, messages=False)
        self.coverage.set_option("run:relative_files", True)
        self.coverage.set_option(
            "run:disable_warnings", ["module-not-measured", "already-imported", "no-data-collected", "module-not-imported"]
        )
        self.seconds: dict[str, float] = {}
        self.failed: set[str] = set()
        self.fixtures: dict[str, float] = {}
        self.uses: dict[str, set[str]] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Function) -> Iterator[None]:
        self.uses[item.nodeid] = set(item.fixturenames)
        self.coverage.switch_context(item.nodeid)
        began = now()
        try:
            return (yield)
        finally:
            self.seconds[item.nodeid] = now() - began

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Iterator[None]:
        began = now()
        try:
            return (yield)
        finally:
            if fixturedef.scope != "function":
                self.fixtures[fixturedef.argname] = self.fixtures.get(fixturedef.argname, 0.0) + now() - began

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.outcome != "passed":
            self.failed.add(report.nodeid)

    def passed(self) -> dict[str, float]:
        shared = {name: sum(self.fixtures.get(used, 0.0) for used in self.uses.get(name, ())) for name in self.seconds}
        return {name: round(seconds + shared[name], 3) for name, seconds in self.seconds.items() if name not in self.failed}


def load() -> None:
    """Import the project and what it and the tests use, so that no fork must."""
    for name in PRELOADED:
        importlib.import_module(name)
    package = importlib.import_module("chorus_gui")
    if not Path(str(package.__file__)).is_relative_to(COPY):
        sys.exit("The copy of the project is not the one that is imported.")
    for module in pkgutil.walk_packages(package.__path__, "chorus_gui."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    gc.freeze()


@functools.cache
def imports() -> dict[str, set[str]]:
    """What each module of the project imports, also inside functions."""
    found: dict[str, set[str]] = {}
    for path in (COPY / "chorus_gui").rglob("*.py"):
        parts = path.relative_to(COPY).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        names = found.setdefault(name, set())
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module)
                names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


@functools.cache
def affected(path: str) -> list[str]:
    """The module of a file, and all that import it, or one that does."""
    found = {".".join(Path(path).with_suffix("").parts).removesuffix(".__init__")}
    while more := {name for name, uses in imports().items() if uses & found} - found:
        found |= more
    return sorted(found)


def forget(names: list[str]) -> None:
    """Let modules be imported again."""
    for name in names:
        sys.modules.pop(name, None)
        parent, _, last = name.rpartition(".")
        if parent and hasattr(package := sys.modules.get(parent), last):
            delattr(package, last)


def in_fork(work: Any, limit: float) -> int | None:
    """The exit status of ``work()`` in a fork; None if it takes longer than ``limit`` seconds."""
    child = os.fork()
    if child == 0:
        status = 70
        try:
            os.setsid()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            log = os.open(FILES / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(log, 1)
            os.dup2(log, 2)
            sys.stdout, sys.stderr = (io.TextIOWrapper(os.fdopen(number, "wb", 0), write_through=True) for number in (1, 2))
            status = int(work())
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    until = time.monotonic() + limit
    status = None
    try:
        while status is None and time.monotonic() < until:
            done, code = os.waitpid(child, os.WNOHANG)
            if done:
                status = os.waitstatus_to_exitcode(code)
            else:
                time.sleep(0.01)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)  # also what the tests left running
        if status is None:
            with suppress(ChildProcessError):
                os.waitpid(child, 0)
    return status


def record(record: str, data: str) -> dict[str, Any]:
    """Record the tests of the file ``record``."""
    answer = FILES / "answer"
    answer.unlink(missing_ok=True)

    def work() -> int:
        recorder = Recorder(data)
        recorder.coverage.erase()
        recorder.coverage.start()
        status = pytest.main([*OPTIONS, "-m", "not slow", record], plugins=[recorder])
        recorder.coverage.stop()
        recorder.coverage.save()
        answer.write_text(json.dumps(recorder.passed()), "utf-8")
        return status

    status = in_fork(work, RECORD_LIMIT_S)
    if not answer.exists():
        sys.exit(f"The tests of {record} could not be recorded:\n{(FILES / 'log').read_text('utf-8', 'replace')[-2000:]}")
    return {"exit": status, "seconds": json.loads(answer.read_text("utf-8"))}


class Mutated:
    """A file of the copy with another text.  Each text gets a time of its own, so that Python never takes the compiled form of another."""

    stamp = 1_000_000_000

    def __init__(self, path: str, text: str) -> None:
        self.path, self.text = COPY / path, text
        self.before = self.path.read_text("utf-8")

    def write(self, text: str) -> None:
        self.path.write_text(text, "utf-8")
        Mutated.stamp += 10
        os.utime(self.path, (Mutated.stamp, Mutated.stamp))

    def __enter__(self) -> None:
        self.write(self.text)

    def __exit__(self, *_: object) -> None:
        self.write(self.before)


def attempt(path: str, text: str, tests: list[str], limit: float) -> dict[str, Any]:
    """Run tests on a mutant."""
    first = FILES / "first"
    first.unlink(missing_ok=True)
    files = list(dict.fromkeys(name.partition("::")[0] for name in tests))

    def work() -> int:
        forget(affected(path))
        return pytest.main([*OPTIONS, "-x", *files], plugins=[Chosen(tests, first)])

    with Mutated(path, text):
        status = in_fork(work, limit)
    return {"exit": status, "first": first.read_text("utf-8") if first.exists() else ""}


def main() -> None:
    """Answer requests until there are no more."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    FILES.mkdir()
    load()
    print("{}", flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        answer = record(**request) if "record" in request else attempt(**request)
        shutil.rmtree(FILES / "tests", ignore_errors=True)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
