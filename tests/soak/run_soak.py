"""``python3 dev.py soak [MINUTES]``: submissions that faults hit, one after the other, and what was lost, false or sent again.

Each fault is tried once, then again at random until the time is over.  The exit status is 1 if anything was lost or false, if the work could not
be finished by the same command, or if a fault looked like an error in the program.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from cloud_scenes import SCENES  # noqa: E402
from scenes import NotHereError, Scene  # noqa: E402
from trial import Trial, Verdict  # noqa: E402

from chorus_gui.app.demo.azurite import Azurite, running  # noqa: E402

PAGE = HERE.parents[1] / "docs" / "reliability.md"
BEGIN, END = "<!-- soak: begin -->", "<!-- soak: end -->"


@dataclass
class Sum:
    """All trials of one scene."""

    runs: int = 0
    lost: int = 0
    false: int = 0
    again: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    sentences: Counter[str] = field(default_factory=Counter)
    waits: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    not_here: str = ""

    def add(self, verdict: Verdict) -> None:
        """One more."""
        self.runs += 1
        self.lost += verdict.lost
        self.false += verdict.false
        self.again += verdict.again
        if verdict.statuses:
            self.statuses[verdict.statuses[0]] += 1
        if verdict.sentence:
            self.sentences[verdict.sentence] += 1
        self.waits.update(verdict.waits)
        self.problems += verdict.problems


def play(scene: Scene, azurite: Azurite, seed: int, base: Path) -> Verdict:
    """One trial, on files of its own, which are removed if it passed."""
    base.mkdir(parents=True)
    trial = Trial(base, azurite, random.Random(seed))
    try:
        verdict = scene.play(trial)
        verdict.again = max(0, trial.sent() - trial.size())
    finally:
        trial.close()
    if verdict.ok:
        shutil.rmtree(base, ignore_errors=True)
    return verdict


def table(sums: dict[str, Sum]) -> str:
    """The table of docs/reliability.md."""
    lines = [
        "| disturbance | what happens | runs | lost | false | exit status, most often | what is said |",
        "|---|---|---|---|---|---|---|",
    ]
    for scene in SCENES:
        found = sums[scene.name]
        if not found.runs:
            lines.append(f"| {scene.name} | {scene.happens} | not run here: {found.not_here} | | | | |")
            continue
        status = ", ".join(str(status) for status, _ in found.statuses.most_common(2))
        said = [_short(found.sentences.most_common(1)[0][0])] if found.sentences else []
        said += [f"“{_plain(text)}”" for text, _ in found.waits.most_common(2)]
        lines.append(f"| {scene.name} | {scene.happens} | {found.runs} | {found.lost} | {found.false} | {status} | {' '.join(said)} |")
    return "\n".join(lines)


def _short(text: str) -> str:
    """The first sentence, without names of this computer."""
    first = text.split(". ")[0].rstrip(".")
    return f"“{_plain(first)}.”" if first else ""


def _plain(text: str) -> str:
    return " ".join("…" if "/" in word and len(word) > 12 else word for word in text.split()).replace("|", "/")


def main() -> int:
    """Run the soak; the exit status."""
    parser = argparse.ArgumentParser(prog="dev.py soak", description=__doc__)
    parser.add_argument("minutes", nargs="?", type=float, default=5.0, help="how long (5); each fault is tried at least once")
    parser.add_argument("--only", default="", help="only faults whose name has this text")
    parser.add_argument("--seed", type=int, default=None, help="the seed of an earlier run")
    parser.add_argument("--write", action="store_true", help="write the table to docs/reliability.md")
    args = parser.parse_args()
    seed = args.seed if args.seed is not None else random.SystemRandom().randrange(1 << 32)
    chance, sums = random.Random(seed), {scene.name: Sum() for scene in SCENES}
    chosen = [scene for scene in SCENES if args.only in scene.name]
    print(f"seed {seed}, {len(chosen)} faults", flush=True)
    until, number = time.monotonic() + args.minutes * 60, 0
    with tempfile.TemporaryDirectory(prefix="soak-", ignore_cleanup_errors=True) as folder, running(Path(folder)) as azurite:
        waiting = list(chosen)
        while waiting or time.monotonic() < until:
            scene = waiting.pop(0) if waiting else chance.choice([one for one in chosen if not sums[one.name].not_here])
            number += 1
            began = time.monotonic()
            try:
                verdict = play(scene, azurite, seed + number, Path(folder) / str(number))
            except NotHereError as error:
                sums[scene.name].not_here = str(error)
                continue
            sums[scene.name].add(verdict)
            mark = "ok" if verdict.ok else "WRONG"
            print(f"{number:4d}  {mark:5s}  {time.monotonic() - began:6.1f} s  {verdict.statuses}  {scene.name}", flush=True)
            for line in (*(f"said: {wait}" for wait in verdict.waits), *verdict.problems):
                print(f"        {line}", flush=True)
    text = table(sums)
    runs, lost, false = (sum(getattr(found, name) for found in sums.values()) for name in ("runs", "lost", "false"))
    wrong = [problem for found in sums.values() for problem in found.problems]
    summary = (
        f"{runs} submissions were disturbed. Lost: {lost}. False: {false}. Not finished, or with an error in the program: {len(wrong)}."
    )
    print(f"\n{text}\n\n{summary}")
    if args.write:
        page = PAGE.read_text("utf-8")
        before, _, rest = page.partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n\n{summary}\n{END}{rest.partition(END)[2]}", "utf-8")
    return 1 if lost or false or wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
