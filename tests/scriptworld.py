"""A site with nasty names, recorded and waiting, and a container in the tests' blob service; the tools that scripts call."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chorus_gui.app.demo.azurite import Azurite
from chorus_gui.cli.main import main
from chorus_gui.core.config.load import load
from chorus_gui.core.config.model import Config
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import Row

CACHE = Path(__file__).resolve().parent.parent / ".cache"
AZ = CACHE / "azcli" / "bin" / "az"
AZCOPY = CACHE / "azcopy" / "node_modules" / "@azure-tools" / "azcopy-linux" / "dist" / "bin" / "azcopy_linux_amd64"
SHELLCHECK = Path(sys.executable).with_name("shellcheck.exe" if os.name == "nt" else "shellcheck")
VERSION = "20260101000000"
DEEP = "/".join(["a folder with a name of fifty characters, and so on"] * 5)

NASTY = (
    "OMOP/PERSON.csv",
    "OMOP/50% of it, 100%25 & more (1).csv",
    "P1/Images/bang!^caret.dcm",
    "P1/Images/ünïcode 日本.dcm",
    "P1/Images/it's.dcm",
    "P1/Images/#hash;semi,comma=$HOME`x`+[1]{2}~@.dcm",
    f"P1/Images/{DEEP}/deep.dcm",
    "P1/waveforms/lower.dat",
    "P1/waveforms/empty.dat",
    "P2/Waveforms/%PATH%.dat",
    "P2/Waveforms/second.dat",
    "P2/Images/ leading and %%double%% percents.dcm",
)
"""Good on every system."""
POSIX_ONLY = ('P1/Images/say "hello" <now> *?|.dcm', "P2/Waveforms/trailing blank ")

CONFIG = """\
[configuration]
supported_modalities = "OMOP,Images,Waveforms"
page_size = {page_size}
num_threads = 2
[journal]
journaling_mode = "full"
{cloud}
[journal.local]
path = "journal.db"
[central_path]
path = "{central}"
upload_method = "azcli"
[central_path.auth]
{auth}
[site_path.default]
path = "{site}"
"""


def content(path: str) -> bytes:
    """What a file of the site holds."""
    return b"" if "empty" in path else (path * 3).encode()


@dataclass
class ScriptWorld:
    """``base/site`` recorded into ``base/journal.db``; ``files`` are the site's paths."""

    base: Path
    auth: str = 'auth_mode = "sas"\nazure_account_name = "choruspilotstorage"\nazure_sas_token = "sv=2025&sp=rcwl&sig=ab%2Fcd%3D"'
    central: str = "az://cont/site 50%"
    cloud: str = '[journal.source]\npath = "share/journal.db"'
    page_size: int = 5
    files: tuple[str, ...] = NASTY

    def __post_init__(self) -> None:
        (self.base / "share").mkdir(exist_ok=True)
        self.site = self.base / "the site's %20 (folder) & more"
        for path in self.files:
            self.put(path)
        self.write_config()

    @property
    def file(self) -> Path:
        return self.base / "config & 100%.toml"

    @property
    def config(self) -> Config:
        return load(self.file, environ={})

    @property
    def journal(self) -> Path:
        return self.base / "journal.db"

    def write_config(self) -> None:
        self.file.write_text(
            CONFIG.format(page_size=self.page_size, central=self.central, auth=self.auth, site=self.site.as_posix(), cloud=self.cloud),
            "utf-8",
        )

    def put(self, path: str, data: bytes | None = None) -> Path:
        file = self.site / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content(path) if data is None else data)
        os.utime(file, (1_700_000_000, 1_700_000_000))
        return file

    def record(self, version: str = VERSION) -> None:
        """Check out, record, check in."""
        for words in (["script", "checkout"], ["journal", "update", "--version", version], ["script", "checkin"]):
            assert main(["-c", str(self.file), *words]) == 0

    def rows(self) -> list[Row]:
        with Journal.open(self.journal, readonly=True) as journal:
            return list(journal.rows(active=True))

    def pending(self) -> set[str]:
        return {row.path for row in self.rows() if row.pending}

    def write_script(self, name: str, kind: str, *options: str) -> Path:
        """``file list --output-file`` with these options."""
        file = self.base / name
        assert main(["-c", str(self.file), "file", "list", "--output-file", str(file), "--output-type", kind, *options]) == 0
        return file


@dataclass
class Container:
    """A new container of the service."""

    azurite: Azurite
    name: str = field(default_factory=lambda: f"scripts-{uuid.uuid4().hex[:12]}")

    def __post_init__(self) -> None:
        from azure.storage.blob import BlobServiceClient

        credential = {"account_name": self.azurite.account, "account_key": self.azurite.key}
        self.client = BlobServiceClient(self.azurite.url, credential=credential).get_container_client(self.name)
        self.client.create_container()

    def sas(self) -> str:
        from azure.storage.blob import ContainerSasPermissions, generate_container_sas

        return generate_container_sas(
            self.azurite.account,
            self.name,
            account_key=self.azurite.key,
            permission=ContainerSasPermissions.from_string("racwdl"),
            expiry=datetime.now(UTC) + timedelta(hours=2),
        )

    def auth(self, mode: str) -> str:
        secret = f'azure_sas_token = "{self.sas()}"' if mode == "sas" else f'azure_account_key = "{self.azurite.key}"'
        return f'auth_mode = "sas"\nazure_account_name = "{self.azurite.account}"\nazure_account_url = "{self.azurite.url}"\n{secret}'

    def blobs(self) -> dict[str, tuple[bytes, bytes | None]]:
        """name → content and MD5 property; without the files that only this program writes."""
        out: dict[str, tuple[bytes, bytes | None]] = {}
        for blob in self.client.list_blobs():
            if blob.name.endswith("/submission.json") or ".chorus/" in blob.name:
                continue
            md5 = blob.content_settings.content_md5
            out[blob.name] = (self.client.download_blob(blob.name).readall(), bytes(md5) if md5 else None)
        return out


def tools_environment(folder: Path, secrets: Mapping[str, str]) -> dict[str, str]:
    """The real tools on the PATH, everything they write below ``folder``, nothing of this user's."""
    binaries = folder / "bin"
    binaries.mkdir(exist_ok=True)
    for name, target in (("az", AZ), ("azcopy", AZCOPY)):
        if not (binaries / name).exists():
            target.chmod(0o755)
            (binaries / name).symlink_to(target)
    return {
        "PATH": f"{binaries}:/usr/bin:/bin",
        "HOME": str(folder),
        "AZURE_CONFIG_DIR": str(folder / "azure"),
        "AZCOPY_LOG_LOCATION": str(folder / "azcopy-log"),
        "AZCOPY_JOB_PLAN_LOCATION": str(folder / "azcopy-plan"),
        "AZCOPY_DISABLE_SYSLOG": "true",
        "CHORUS_UPLOAD_HOME": os.environ["CHORUS_UPLOAD_HOME"],
        "LANG": "C.UTF-8",
        **secrets,
    }


def bash(script: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", str(script)], env=dict(env), capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def shellcheck(script: Path) -> str:
    """What shellcheck says; "" if nothing."""
    return subprocess.run([SHELLCHECK, "--norc", "--severity=style", script], capture_output=True, text=True, check=False).stdout
