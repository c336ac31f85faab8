"""The installed program has only a part of botocore's data, and lacks some modules of Python: the credentials of the AWS tools work with that."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from pathlib import Path

import botocore  # pyright: ignore[reportMissingTypeStubs]
import pytest
from azure_server import Server, reply
from buildspec import spec
from s3server import S3Server

ROOT = Path(__file__).resolve().parents[2]
CODE = """
import importlib.abc, json, sys
excluded, data, profile = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3]
class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in excluded:
            raise ModuleNotFoundError(name)
for name in list(sys.modules):
    if name in excluded or name.partition(".")[0] in excluded:
        del sys.modules[name]
sys.meta_path.insert(0, Missing())
import botocore.loaders
botocore.loaders.Loader.BUILTIN_DATA_PATH = data
from chorus_gui.core.config.credentials import AwsKeys
from chorus_gui.core.storage.s3.keys import key_source
keys = key_source(AwsKeys(profile=profile), "").keys()
print(json.dumps([bool(keys.key_id), bool(keys.token)]))
"""


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data that the build keeps of botocore's."""
    _, unused = spec()
    here, there = Path(botocore.__path__[0]), tmp_path_factory.mktemp("kept")
    for file in (here / "data").rglob("*"):
        name = f"botocore/{file.relative_to(here).as_posix()}"
        if file.is_file() and not unused.search(name):
            copy = there / file.relative_to(here / "data")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
    return there


def test_little_of_the_data_is_kept(kept: Path) -> None:
    assert sum(file.stat().st_size for file in kept.rglob("*") if file.is_file()) < 1_500_000
    assert {"sts", "sso", "sso-oidc", "signin", "endpoints.json", "partitions.json"} <= {file.name for file in kept.iterdir()}
    _, unused = spec()
    assert unused.search("botocore\\data\\ec2\\2016-11-15\\service-2.json.gz")
    assert unused.search("botocore/cacert.pem")
    assert not unused.search("botocore\\data\\sts\\2011-06-15\\service-2.json.gz")


def found(kept: Path, profile: str, **env: str) -> list[bool]:
    excluded, _ = spec()
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    words = [sys.executable, "-c", CODE, json.dumps(excluded), str(kept), profile]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, env={**own, "PYTHONWARNINGS": "ignore", **env}, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_a_role_and_a_web_identity(kept: Path, s3: S3Server, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("eyJhbGciOiJub25lIn0.e30.")
    (tmp_path / "config").write_text(
        "[profile role]\nrole_arn = arn:aws:iam::123456789012:role/reader\nsource_profile = base\nregion = eu-west-1\n"
        "[profile base]\naws_access_key_id = A\naws_secret_access_key = B\n"
        f"[profile web]\nrole_arn = arn:aws:iam::123456789012:role/reader\nweb_identity_token_file = {tmp_path / 'token'}\nregion = eu-west-1\n"
    )
    for profile in ("role", "web"):
        assert found(kept, profile, AWS_CONFIG_FILE=str(tmp_path / "config"), AWS_ENDPOINT_URL_STS=s3.url) == [True, True]


def test_a_sign_in(kept: Path, tmp_path: Path) -> None:
    later = datetime.now(UTC) + timedelta(hours=8)
    role = {
        "roleCredentials": {"accessKeyId": "S", "secretAccessKey": "SS", "sessionToken": "ST", "expiration": int(later.timestamp() * 1000)}
    }
    server = Server(reply(200, json.dumps(role).encode(), Content_Type="application/json"))
    try:
        folder = tmp_path / ".aws" / "sso" / "cache"
        folder.mkdir(parents=True)
        token = {"accessToken": "T", "expiresAt": f"{later:%Y-%m-%dT%H:%M:%SZ}", "region": "us-east-1", "startUrl": "https://start.example"}
        (folder / f"{sha1(b'corp').hexdigest()}.json").write_text(json.dumps(token))
        (tmp_path / "config").write_text(
            "[profile site]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Reader\nregion = us-east-1\n"
            "[sso-session corp]\nsso_region = us-east-1\nsso_start_url = https://start.example\n"
        )
        home = {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}
        assert found(kept, "site", AWS_CONFIG_FILE=str(tmp_path / "config"), AWS_ENDPOINT_URL_SSO=server.url, **home) == [True, True]
    finally:
        server.close()
