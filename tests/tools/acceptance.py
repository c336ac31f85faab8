"""Two walks through the real window, step by step, with a picture of each: ``.venv/bin/python tests/tools/acceptance.py --out FOLDER``.

The program runs on a screen of its own (Xvfb) of 1366×768, against a blob service on this computer (Azurite).  A step finds what a person would
select by the words that are on screen, and uses the mouse or the keyboard.  A step that does not find them ends the walk with an error.
``steps.md`` lists what was done, and which picture shows the window before it.  docs/acceptance.md says what was found.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "tools"), str(ROOT / "tests")]
SCREEN = "1366x768x24"
SITTINGS = {"first": ("first",), "month": ("month", "after")}
"""A walk → its sittings: each is a start of the program."""
PATIENTS = 12


def main() -> int:
    """Both walks."""
    parser = argparse.ArgumentParser(description="Walk through two submissions in the real window.")
    parser.add_argument("--out", type=Path, required=True, help="the folder for the pictures")
    parser.add_argument("--sitting", help=argparse.SUPPRESS)
    options = parser.parse_args()
    out: Path = options.out.absolute()
    if options.sitting:
        from acceptance_steps import sit

        return sit(options.sitting, out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "steps.md").unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="walk-") as folder, screen(Path(folder)) as display:
        return walk(Path(folder), out, display)


def walk(base: Path, out: Path, display: str) -> int:
    """Every sitting in turn; what happens between them is done here."""
    from chorus_gui.app.demo import make_site
    from chorus_gui.app.demo.azurite import running

    home = base / "coordinator"
    make_site(home / "riverside", patients=PATIENTS)
    with running(base) as azurite:
        azurite.create_container("site-riverside")
        world = {"url": azurite.url, "account": azurite.account, "key": azurite.key, "home": str(home), "hold": ""}
        env = {**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb", "HOME": str(home), "CHORUS_UPLOAD_HOME": str(home / "program")}
        env |= {"LC_ALL": "C.UTF-8", "TZ": "UTC", "WALK": json.dumps(world)}
        env.pop("WAYLAND_DISPLAY", None)
        if status := sitting("first", out, env):
            return status
        world["hold"] = a_month_passes(base, env)
        env["WALK"] = json.dumps(world)
        for name in SITTINGS["month"]:
            if status := sitting(name, out, env):
                return status
    return 0


def sitting(name: str, out: Path, env: Mapping[str, str]) -> int:
    """One start of the program; the status of what went wrong.  The second walk ends its first sitting as a power failure does."""
    line = [sys.executable, __file__, "--out", str(out), "--sitting", name]
    status = subprocess.run(line, env=dict(env), check=False).returncode
    return 0 if name == "month" and status == -9 else status


def a_month_passes(base: Path, env: Mapping[str, str]) -> str:
    """3 % of the files change, a patient goes, another comes; the token expires; a colleague holds a changed file back: its path."""
    from chorus_gui.app.demo import change_site

    home = base / "coordinator"
    site, config = home / "riverside", home / "CHoRUS" / "config.toml"
    change_site(site)
    patients = sorted(path for path in site.iterdir() if path.name.isdigit())
    shutil.rmtree(patients[2])
    changed = [min((patient / "Waveforms").rglob("*.dat")) for patient in patients[3:6]]
    for file in changed:
        file.write_bytes(file.read_bytes()[:-2] + b"\1\1")
    path = changed[0].relative_to(site).as_posix()
    colleague = base / "colleague"
    colleague.mkdir()
    text = config.read_text("utf-8")
    mine = colleague / "config.toml"
    mine.write_text(text.replace(str(config.parent), str(colleague)), "utf-8")
    own = {**env, "CHORUS_UPLOAD_HOME": str(colleague / "program"), "HOME": str(colleague)}
    reason = "Consent is being checked again"
    line = [sys.executable, "-m", "chorus_gui.cli", "-c", str(mine), "hold", "add", "--file", path, "--reason", reason]
    subprocess.run(line, env=own, check=True, cwd=ROOT)
    token = next(part for part in text.split('"') if "sig=" in part)
    expired = sas(json.loads(env["WALK"]), hours=-2)
    assert token in text
    config.write_text(text.replace(token, expired), "utf-8")
    return path


def sas(world: Mapping[str, str], hours: float) -> str:
    """A token for the container that is valid for so many hours from now; negative: it has expired."""
    from datetime import UTC, datetime, timedelta

    from azure.storage.blob import ContainerSasPermissions, generate_container_sas

    now = datetime.now(UTC)
    return generate_container_sas(
        world["account"],
        "site-riverside",
        account_key=world["key"],
        permission=ContainerSasPermissions.from_string("racwdl"),
        start=now - timedelta(days=30),
        expiry=now + timedelta(hours=hours),
    )


@contextmanager
def screen(folder: Path) -> Iterator[str]:
    """A virtual screen; it chooses its number itself."""
    read, write = os.pipe()
    with (folder / "xvfb.log").open("wb") as log:
        line = ["Xvfb", "-displayfd", str(write), "-screen", "0", SCREEN, "-nolisten", "tcp", "-noreset"]
        server = subprocess.Popen(line, pass_fds=(write,), stdout=log, stderr=log)
    os.close(write)
    try:
        with os.fdopen(read) as answer:
            number = answer.readline().strip()
        if not number:
            sys.exit((folder / "xvfb.log").read_text())
        yield f":{number}"
    finally:
        server.terminate()
        server.wait(10)


if __name__ == "__main__":
    sys.exit(main())
