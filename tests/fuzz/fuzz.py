"""``python3 dev.py fuzz [MINUTES]``: inputs of every class, the known bad ones first, then ones made from them; with what they covered.

Every fault is counted once for its kind: the error and the place in the program.  The exit status is 1 if there is one.
"""

from __future__ import annotations

import argparse
import io
import logging
import os
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
WORDS = (
    "\0",
    "\n",
    "\r\n",
    "'",
    '"',
    "[",
    "{",
    "=",
    "..",
    "/",
    "\\",
    "\u202e",
    "\x1b[31m",
    "<b>",
    "\udce9",
    "9" * 50,
    "e",
    "=\n",
    "sig=",
    "%3D",
)


@dataclass
class Result:
    """What happened to one class."""

    runs: int = 0
    branches: int = 0
    faults: dict[str, tuple[int, str]] = field(default_factory=dict)
    """kind → how often, and the shortest input"""

    def add(self, kind: str, given: Any) -> None:
        count, shortest = self.faults.get(kind, (0, ""))
        text = ascii(given)
        self.faults[kind] = (count + 1, text if not shortest or len(text) < len(shortest) else shortest)


def kind_of(error: BaseException) -> str:
    """The error's class and the innermost place in the program."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "chorus_gui" in frame.filename]
    where = f"{Path(frames[-1].filename).name}:{frames[-1].name}" if frames else "the test"
    told = str(error).partition("\n")[0][:80] if isinstance(error, AssertionError) else ""
    return f"{type(error).__name__} in {where} {told}".strip()


def attempt(check: Callable[[Any, Path], None], given: Any, result: Result) -> None:
    """One input."""
    from input_classes import no_secret, texts_of

    from chorus_gui.core.errors import Cancelled, ChorusError

    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    result.runs += 1
    try:
        with output() as written:
            try:
                check(given, folder)
            except Cancelled:
                pass
            except ChorusError as error:
                print(texts_of(error))
        no_secret(written.getvalue())
    except Exception as error:
        result.add(kind_of(error), given)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def output() -> Iterator[io.StringIO]:
    """All that is printed, and the log as the program writes it, with the details."""
    from chorus_gui.core.redact import RedactingFilter

    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(RedactingFilter())
    root = logging.getLogger()
    level, handlers = root.level, root.handlers
    root.handlers = [handler]
    root.setLevel(logging.DEBUG)
    try:
        with redirect_stdout(written), redirect_stderr(written):
            yield written
    finally:
        root.handlers = handlers
        root.setLevel(level)


def generate(seeds: list[Any], check: Callable[[Any, Path], None], result: Result, until: float) -> None:
    """Inputs made from the seeds by hypothesis, until then."""
    from hypothesis import HealthCheck, Phase, given, seed, settings
    from hypothesis import strategies as st

    edits = st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 3), st.one_of(st.sampled_from(WORDS), st.text(max_size=6))), min_size=1, max_size=4
    )
    number = int(time.time())
    while time.monotonic() < until:
        number += 1

        @seed(number)
        @settings(
            max_examples=50,
            deadline=None,
            database=None,
            phases=(Phase.generate,),
            suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much),
        )
        @given(st.sampled_from(range(len(seeds))), edits, st.integers(0, 255))
        def batch(which: int, changes: list[tuple[float, int, str]], byte: int) -> None:
            if time.monotonic() < until:
                attempt(check, changed(seeds[which], changes, byte), result)

        batch()


def changed(value: Any, changes: list[tuple[float, int, str]], byte: int) -> Any:
    """A text with parts cut, doubled, replaced or put in; of a tuple the text or the bytes in it."""
    if isinstance(value, tuple):
        *head, last = value
        if isinstance(last, tuple):
            return (*head, last + tuple((int(at * 20_000), byte) for at, _, _ in changes))
        return (*head, changed(last, changes, byte))
    if not isinstance(value, str):
        return value
    for at, how, word in changes:
        place = int(at * len(value))
        end = min(len(value), place + 1 + byte % 16)
        middle = ("", value[place:end] * 2, word, word + value[place:end])[how]
        value = value[:place] + middle + value[end:]
    return value


def measured(run: Callable[[], None]) -> int:
    """How many branches of the program it took; 0 without coverage."""
    try:
        from coverage import Coverage
    except ImportError:
        run()
        return 0
    cover = Coverage(branch=True, source_pkgs=["chorus_gui"], data_file=None, messages=False)
    cover.start()
    try:
        run()
    finally:
        cover.stop()
    data = cover.get_data()
    return sum(len(set(data.arcs(file) or ())) for file in data.measured_files())


def fuzz(minutes: float, only: str = "", *, older: bool = False) -> dict[str, Result]:
    """Every class, each for an equal part of the time."""
    from input_classes import classes

    chosen = [one for one in classes(older=older) if only in one.name]
    found: dict[str, Result] = {}
    for one in chosen:
        result = found[one.name] = Result()
        until = time.monotonic() + minutes * 60 / len(chosen)

        def both(one: Any = one, result: Result = result, until: float = until) -> None:
            for given in one.seeds:
                attempt(one.check, given, result)
            generate(list(one.seeds), one.check, result, until)

        result.branches = measured(both)
        print(f"{one.name}: {result.runs:,} runs, {result.branches:,} branches, {len(result.faults)} problems", file=sys.stderr, flush=True)
    return found


def table(found: dict[str, Result]) -> str:
    """For docs/security.md."""
    lines = ["| class of input | executions | branches covered | kinds of problem |", "|---|---|---|---|"]
    lines += [f"| {name} | {one.runs:,} | {one.branches:,} | {len(one.faults)} |" for name, one in found.items()]
    return "\n".join(lines)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="dev.py fuzz", description=__doc__)
    parser.add_argument("minutes", nargs="?", type=float, default=1.0)
    parser.add_argument("--only", default="", metavar="WORD", help="only the classes whose name has this word")
    parser.add_argument("--tree", default="", metavar="FOLDER", help="test the program in another checkout")
    args = parser.parse_args()
    tests = HERE.parent
    sys.path[:0] = [*([args.tree] if args.tree else [str(tests.parent)]), str(tests), str(HERE)]
    warnings.simplefilter("ignore")
    if os.access("/dev/shm", os.W_OK):  # a disk that waits for each write tries a tenth as many journals
        tempfile.tempdir = "/dev/shm"
    with tempfile.TemporaryDirectory(prefix="fuzz-home-") as home:
        os.environ.update(CHORUS_UPLOAD_HOME=home, PYTHON_KEYRING_BACKEND="keyring.backends.null.Keyring", QT_QPA_PLATFORM="offscreen")
        found = fuzz(args.minutes, args.only, older=bool(args.tree))
    print(table(found))
    for name, one in found.items():
        for kind, (count, shortest) in sorted(one.faults.items()):
            print(f"\n{name}: {kind} ({count:,} times)\n  {shortest[:300]}")
    return int(any(one.faults for one in found.values()))


if __name__ == "__main__":
    sys.exit(main())
