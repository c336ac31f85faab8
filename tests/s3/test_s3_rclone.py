"""A server of S3 that checks signatures: rclone's."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from s3server import KEY_ID, KEYS, SECRET, kept_port, running, s3_place

from chorus_gui.core.config.credentials import AwsKeys, Secret
from chorus_gui.core.errors import AccessError, SourceUnreadableError
from chorus_gui.core.storage.base import FolderChoice
from chorus_gui.core.storage.s3.source import S3Source

RCLONE = Path(__file__).resolve().parents[2] / ".cache" / "rclone" / "bin" / "rclone"
FILES = {"1/Images/b+c&d=e.dcm": b"one", "1/Images/ä ö~!'()*%41.dcm": b"two", "2/x": b"", "big": bytes(range(256)) * 40_000}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not RCLONE.is_file():
        if os.environ.get("CI") and sys.platform.startswith("linux"):
            pytest.fail("rclone is not set up: python3 dev.py setup")
        pytest.skip("rclone is not set up: python3 dev.py setup")
    folder, logs = tmp_path_factory.mktemp("buckets"), tmp_path_factory.mktemp("logs")
    for path, data in FILES.items():
        file = folder / "box" / "site" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    keys = f"{KEY_ID},{SECRET}"
    with kept_port() as port:
        words = [str(RCLONE), "serve", "s3", str(folder), "--addr", f"127.0.0.1:{port}", "--auth-key", keys, "--config", os.devnull]
        with running(words, port, logs) as url:
            yield url


def test_what_is_signed_is_listed_and_read(server: str) -> None:
    with closing(S3Source(s3_place(server, "box", "site"))) as source:
        found = {
            (f"{folder.path}/" if folder.path else "") + file.name: file.size
            for folder in source.folders(lambda _: FolderChoice(descend=True, files=True), lambda: None)
            for file in folder.files
        }
        assert found == {path: len(data) for path, data in FILES.items()}
        for path, data in FILES.items():
            reader = source.open(path, min(1, len(data)))
            out, buffer = bytearray(), bytearray(1 << 20)
            while count := reader.readinto(buffer):
                out += buffer[:count]
            reader.close()
            assert bytes(out) == data[1:]


@pytest.mark.parametrize("keys", [AwsKeys(KEY_ID, Secret("wrong")), AwsKeys("UNKNOWN", KEYS.secret)])
def test_another_signature_is_refused(server: str, keys: AwsKeys) -> None:
    with closing(S3Source(s3_place(server, "box", "site", keys=keys))) as source:
        with pytest.raises(AccessError) as refused:
            source.open("2/x")
        assert refused.value.remedy
        with pytest.raises(SourceUnreadableError, match="Could not list"):
            list(source.folders(lambda _: FolderChoice(descend=True, files=True), lambda: None))


def listed(server: str, keys: AwsKeys) -> int:
    with closing(S3Source(s3_place(server, "box", "site", keys=keys))) as source:
        assert source.open("1/Images/b+c&d=e.dcm").readinto(bytearray(10)) == 3
        return sum(len(folder.files) for folder in source.folders(lambda _: FolderChoice(descend=True, files=True), lambda: None))


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Writes the two files of the AWS tools."""
    for name, file in (("AWS_CONFIG_FILE", "config"), ("AWS_SHARED_CREDENTIALS_FILE", "credentials")):
        monkeypatch.setenv(name, str(tmp_path / file))

    def write(config: str, credentials: str) -> None:
        (tmp_path / "config").write_text(config)
        (tmp_path / "credentials").write_text(credentials)

    return write


@pytest.mark.parametrize("secret", [SECRET, "wrong"])
@pytest.mark.parametrize("token", ["", "a token/with+signs=="])
@pytest.mark.parametrize("way", ["configuration", "profile", "program", "environment"])
def test_every_way_to_a_key_signs_what_the_server_accepts(
    server: str,
    aws: Callable[[str, str], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
    token: str,
    secret: str,
) -> None:
    """With a session token too, which is a signed header: the server computes the signature of what was signed."""
    named = AwsKeys(profile="site")
    if way == "configuration":
        named = AwsKeys(KEY_ID, Secret(secret), Secret(token) if token else None)
    elif way == "profile":
        aws(
            "", f"[site]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {secret}\n" + f"aws_session_token = {token}\n" * bool(token)
        )
    elif way == "program":
        answer = {"Version": 1, "AccessKeyId": KEY_ID, "SecretAccessKey": secret} | ({"SessionToken": token} if token else {})
        program = tmp_path / "give.py"
        program.write_text(f"print({json.dumps(json.dumps(answer))})")
        aws(f'[profile site]\ncredential_process = "{sys.executable}" "{program}"\n', "")
    else:
        named = AwsKeys()
        values = {"ACCESS_KEY_ID": KEY_ID, "SECRET_ACCESS_KEY": secret, "SESSION_TOKEN": token}
        for name, value in values.items():
            monkeypatch.setenv(f"AWS_{name}", value) if value else monkeypatch.delenv(f"AWS_{name}", raising=False)
    if secret == SECRET:
        assert listed(server, named) == len(FILES)
    else:
        with pytest.raises(AccessError):
            listed(server, named)
