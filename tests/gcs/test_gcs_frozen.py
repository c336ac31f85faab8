"""The installed program has only a part of google-auth, and lacks some modules of Python: the ways to sign in work with that."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

from gcsserver import SignIn

ROOT = Path(__file__).resolve().parents[2]
CODE = """
import importlib.abc, json, sys
excluded = json.loads(sys.argv[1])
class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in excluded:
            raise ModuleNotFoundError(name)
for name in list(sys.modules):
    if name in excluded or name.partition(".")[0] in excluded:
        del sys.modules[name]
sys.meta_path.insert(0, Missing())
from chorus_gui.core.config.credentials import GoogleKeys
from chorus_gui.core.storage.bucket.answers import Access, Keys
from chorus_gui.core.storage.gcs.tokens import GoogleTokens
import google.oauth2.credentials
google.oauth2.credentials._GOOGLE_OAUTH2_TOKEN_ENDPOINT = sys.argv[2]
access = Access("b", "h", "s", "m", "r", Keys("a", "b", "c"))
print(json.dumps([bool(GoogleTokens(GoogleKeys(file, attached=not file), "", access).token()) for file in sys.argv[3:]]))
"""


def excluded() -> list[str]:
    """The modules that the build excludes."""
    modules: list[str] = []
    for node in ast.parse((ROOT / "build_exe.spec").read_text("utf-8")).body:
        match node:
            case ast.Assign(targets=[ast.Name(id="EXCLUDES")], value=value) | ast.AugAssign(target=ast.Name(id="EXCLUDES"), value=value):
                texts = [one.value for one in ast.walk(value) if isinstance(one, ast.Constant) and isinstance(one.value, str)]
                modules += [name for text in texts for name in text.split()]
            case _:
                continue
    return [name for name in modules if os.name == "nt" or name != "asyncio.unix_events"]  # left out for Windows alone


def modules(package: str) -> list[str]:
    """All modules below a package of google-auth."""
    spec = importlib.util.find_spec(f"google.{package}")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent
    files = (file.relative_to(folder.parent.parent).with_suffix("") for file in folder.rglob("*.py"))
    return [".".join(file.parts).removesuffix(".__init__") for file in files]


def test_each_way_to_sign_in_needs_nothing_that_the_build_leaves_out(google: SignIn, tmp_path: Path) -> None:
    names = excluded()
    there = {name for folder in ("auth", "oauth2") for name in modules(folder)}
    assert {name for name in names if name.startswith("google.")} <= there, "a name that the library no longer has"
    person = tmp_path / "person.json"
    person.write_text(json.dumps({"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"}))
    (tmp_path / "subject").write_text("token")
    workload = tmp_path / "workload.json"
    workload.write_text(
        json.dumps(
            {
                "type": "external_account",
                "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/o",
                "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
                "token_url": google.url,
                "credential_source": {"file": str(tmp_path / "subject")},
            }
        )
    )
    files = [str(google.account_file(tmp_path)), str(person), str(workload)]
    own = {name: value for name, value in os.environ.items() if not name.startswith(("GOOGLE_", "GCE_"))}
    words = [sys.executable, "-c", CODE, json.dumps(names), google.url, *files]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, env=own, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [True, True, True]
