"""docs/it-department.md against the program: numbers, names, options, statuses, keys, hosts and ports that the page states."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from chorus_gui.app import logs, purge, renewal, selftest, worker_processes
from chorus_gui.app.status import Status
from chorus_gui.cli.main import build_parser
from chorus_gui.core import temporary
from chorus_gui.core.config import keychain, policy
from chorus_gui.core.config.hosts import AZURE_SUFFIXES, BUCKET_HOSTS, CONSORTIUM_HOSTS, ENTRA_HOSTS, Host
from chorus_gui.core.config.keys import KEYS
from chorus_gui.core.config.model import PATIENCE_MINUTES, MailSettings, SmtpSecurity
from chorus_gui.core.config.sas import LONG, NEEDS_JOURNAL, NEEDS_SOURCE, NEEDS_STORE
from chorus_gui.core.folders import PORTABLE
from chorus_gui.core.journal import backups, packed
from chorus_gui.core.review import approval
from chorus_gui.core.storage.gcs.sending import METADATA_HOSTS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "it-department.md").read_text("utf-8")
TEXT = " ".join(PAGE.split())
SCRIPT = (ROOT / "installer" / "chorus-upload.nsi").read_text("utf-8")


def section(heading: str) -> str:
    """The text below a heading, up to the next one of its kind, on one line."""
    level = heading.partition(" ")[0]
    assert f"\n{heading}\n" in PAGE, heading
    return " ".join(re.split(rf"\n{level} ", PAGE.partition(f"\n{heading}\n")[2])[0].split())


def table(heading: str) -> list[list[str]]:
    """The lines of the tables below a heading, without those of headings."""
    lines = PAGE.partition(f"\n{heading}\n")[2].partition("\n## ")[0].splitlines()
    return [
        [cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines if line.startswith("| ") and not line.startswith("|---")
    ]


def test_the_setup_program_takes_the_options_of_the_page_and_no_others() -> None:
    install, remove = (set(found.split()) for found in re.findall(r'StrCpy \$0 " (/S[^"]*) "', SCRIPT))
    told = {option for row in table("## Roll it out silently") for option in re.findall(r"`(/[A-Z]+)`", row[0]) if row[0].startswith("`/")}
    assert install - {"/NCRC"} == told - {"/D"}, "/NCRC is NSIS's own"
    assert "`/D=FOLDER`" in TEXT
    assert remove == {"/S", *re.findall(r"uninstall\.exe\" /S \[(/\w+) \| (/\w+)\]", PAGE)[0]}


def test_the_setup_program_ends_with_the_statuses_of_the_page() -> None:
    assert {*re.findall(r"SetErrorLevel (\d+)", SCRIPT)} == {"2", "3"}, "0 and 1 (cancelled) are NSIS's own"
    assert "Exit status: 0 done · 1 cancelled · 2 failed, " in TEXT
    assert " · 3 the program is running, another program has one of its files open, or another installer of it works." in TEXT
    assert "| return codes | 0 success · 3 retry · 1 and 2 failed |" in TEXT


def test_the_setup_program_writes_the_keys_of_the_page() -> None:
    written = {*re.findall(r'WriteReg\w+ SHCTX "([^"]+)"', SCRIPT)}
    defined = dict(re.findall(r'^!define (\w+) "([^"]+)"', SCRIPT, re.MULTILINE))

    def whole(key: str) -> str:
        while "${" in key:
            key = re.sub(r"\$\{(\w+)\}", lambda found: defined[found[1]], key)
        return key

    for key in map(whole, written):
        if key.startswith("Software\\Classes\\"):
            name = key.removeprefix("Software\\Classes\\").split("\\")
            assert f"`{name[0]}`" in TEXT or "`" + "\\".join(name[:2]) + "`" in TEXT, key
        else:
            assert f"`{key}`" in TEXT, key
    assert len(written) >= 9


def test_nothing_runs_or_asks_by_itself() -> None:
    """No service, driver, task or update: the setup program starts only the program itself, for /PURGE and at the end of the wizard."""
    assert re.findall(r"nsExec::\w+ '([^']+)'", SCRIPT) == ['"$INSTDIR\\chorus-upload.exe" purge --yes']
    assert re.findall(r'MUI_FINISHPAGE_RUN "([^"]+)"', SCRIPT) == ["$INSTDIR\\ChorusUpload.exe"]
    assert not re.findall(r"(?i)\b(schtasks|sc\.exe|CreateService|RunOnce|CurrentVersion\\\\Run)\b", SCRIPT)


def test_the_msi_has_the_properties_and_keys_of_the_page(installer: Callable[[str], ModuleType]) -> None:
    msi = installer("msi")
    assert all(f"{option}=" in TEXT for option in msi.OPTIONS)
    assert f"read `InstallDir` and `Version` in `HKLM\\{msi.OWN}`" in TEXT
    assert msi.OWN.rpartition("\\")[2] in TEXT


def test_the_statuses_of_commands_are_those_of_the_page() -> None:
    said = section("## Run it from the Task Scheduler").partition("Exit status: ")[2].partition("If a rule of the policy")[0]
    assert [int(number) for number in re.findall(r"(?:^|· )(\d+) ", said)] == [status.value for status in Status]


def test_every_command_of_the_page_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    parser = build_parser()
    found = {*re.findall(r"chorus-upload(?:\.exe)? ([a-z][a-z-]+(?: [a-z_]+)?)", PAGE)}
    assert {"purge", "self-test", "doctor", "credential move", "schedule install"} <= found
    for words in found:
        with pytest.raises(SystemExit) as ended:
            parser.parse_args([*words.split(), "--help"])
        assert ended.value.code == 0, words
        assert f"chorus-upload {words}" in capsys.readouterr().out, words


def test_every_key_and_variable_of_the_page_is_in_the_program() -> None:
    keys = {key.nested.rpartition(".")[2] for key in KEYS.values()} | {rule.key for rule in policy.Rule}
    named = {*re.findall(r"`([a-z]+(?:_[a-z]+)+)(?: = [^`]*)?`", PAGE)}
    assert "aws_use_role" in named
    assert named <= keys
    source = "\n".join(file.read_text("utf-8") for folder in ("chorus_gui", "installer") for file in (ROOT / folder).rglob("*.py"))
    source += (ROOT / ".github" / "workflows" / "exe.yml").read_text("utf-8")
    by_others = {
        "AZURE_CORE_COLLECT_TELEMETRY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
        "IDENTITY_ENDPOINT",
        "MSI_ENDPOINT",
        "SQLITE_TMPDIR",
    }
    variables = {*re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", PAGE)} - {"REG_DWORD", "REG_MULTI_SZ", "REG_SZ"}
    assert "CHORUS_UPLOAD_HOME" in variables
    assert [name for name in variables - by_others if name not in source] == []


def test_the_hosts_and_ports_of_the_page() -> None:
    connects = section("## What it connects to")
    for name in (*(f"ACCOUNT.{suffix}" for suffix in AZURE_SUFFIXES[:3]), *CONSORTIUM_HOSTS, *BUCKET_HOSTS.values(), *METADATA_HOSTS):
        assert name in connects, name
    assert f"ACCOUNT.zNN.{AZURE_SUFFIXES[3]}" in connects
    assert len(AZURE_SUFFIXES) == 4
    assert ENTRA_HOSTS[0] in connects
    rows = {row[0]: row[1] for row in table("## What it connects to") if len(row) == 3}
    (mail,) = [port for where, port in rows.items() if where.startswith("the mail server")]
    assert [int(port) for port in re.findall(r"\d+", mail)] == [one.port for one in SmtpSecurity]
    for name in re.findall(
        r"`([a-zA-Z0-9][a-zA-Z0-9.-]*\.(?:net|cn|org|com))`", connects.partition("**Known servers.**")[2].partition("**Microsoft Entra")[0]
    ):
        host = Host.of_name(name.replace("ACCOUNT", "acct").replace("zNN", "z12").replace("REGION", "eu-west-1"))
        assert host is not None, name
        assert host.is_known, name
    assert not Host("localhost").is_known
    assert Host("127.0.0.1").is_known
    for name in ("s3.dualstack.eu-west-1.amazonaws.com", "s3-fips.us-east-1.amazonaws.com", "s3.cn-north-1.amazonaws.com.cn"):
        assert Host(name).is_known, name


def test_the_addresses_of_libraries_are_those_of_the_page() -> None:
    import azure.identity._constants as entra  # pyright: ignore[reportMissingTypeStubs]
    import botocore.utils as aws  # pyright: ignore[reportMissingTypeStubs]

    assert f"({entra.DEVELOPER_SIGN_ON_CLIENT_ID})" in TEXT
    (row,) = [row for row in table("## What it connects to") if "aws_use_role" in row[-1]]
    fetcher: Any = aws.ContainerMetadataFetcher
    allowed = [address for address in fetcher._ALLOWED_HOSTS if address.startswith("169.254.")]
    assert {*row[0].split(", ")} == {aws.METADATA_BASE_URL.strip("/").rpartition("/")[2], fetcher.IP_ADDRESS, *allowed}


def test_the_servers_that_an_aws_profile_signs_in_at_are_on_the_page() -> None:
    """Of every service whose description is in the build."""
    import botocore.session  # pyright: ignore[reportMissingTypeStubs]
    from botocore.endpoint_provider import EndpointProvider  # pyright: ignore[reportMissingTypeStubs]

    spec = (ROOT / "build_exe.spec").read_text("utf-8")
    (kept,) = re.findall(r"data\[/\\\\\]\(\?!\(([\w|-]+)\|endpoints", spec)
    loader: Any = botocore.session.get_session().get_component("data_loader")
    partitions = loader.load_data("partitions")
    (row,) = [row for row in table("## What it connects to") if "AWS profile" in row[-1]]
    told = {*re.findall(r"`([^`]+)`", row[0])}
    found: set[str] = set()
    for service in kept.split("|"):
        provider: Any = EndpointProvider(loader.load_service_model(service, "endpoint-rule-set-1"), partitions)
        url: str = provider.resolve_endpoint(Region="eu-west-1", UseDualStack=False, UseFIPS=False).url
        found.add(url.partition("://")[2].replace("eu-west-1", "REGION"))
    assert len(found) == 4
    assert told == found


def test_a_port_is_open_only_where_the_page_says_so() -> None:
    """For the answer of a sign-in in the browser, by Microsoft's library; and for threads, which Windows has no other pair of sockets for."""
    opens = re.compile(r"socketpair|\.listen\(|\.bind\(|create_server|HTTPServer|start_server|QLocalServer|QTcpServer")
    files = {file.name for file in (ROOT / "chorus_gui").rglob("*.py") if opens.search(file.read_text("utf-8"))}
    assert files == {"lines.py"}
    users = {file.name for file in (ROOT / "chorus_gui").rglob("*.py") if re.search(r"\bLines\(", file.read_text("utf-8"))} - {"lines.py"}
    assert users == {"read_lane.py", "lane.py"}, "reading from clouds, and uploading"
    assert "A port of 127.0.0.1 is open in two cases: during a Microsoft sign-in in the browser, " in TEXT


def test_the_numbers_of_the_page() -> None:
    from chorus_gui.ui.session import CHECK_MINUTES

    assert f"uploads {worker_processes.LEAST_FILES:,} small files or more" in TEXT
    assert f"with {'three' if worker_processes.LEAST_CORES == 3 else '?'} processor cores or more" in TEXT
    assert f"runs {'twice' if worker_processes.MOST == 2 else '?'} more, as a worker process (`{worker_processes.WORKER_PROCESS}`)" in TEXT
    assert CHECK_MINUTES == 5
    assert "it checks every five minutes who has the journal" in TEXT
    assert f"(in the credential store every {renewal.KEYCHAIN_S:.0f} seconds)" in TEXT
    assert f"After `patience_minutes` ({PATIENCE_MINUTES})" in TEXT
    assert (approval.MANY_DELETIONS, approval.DELETED_SHARE) == (100, 0.2)
    assert "except if more than 100 files and more than a fifth of a modality were deleted" in TEXT
    assert (logs._BYTES, logs._FILES) == (2_000_000, 5)
    assert "each with five older ones of 2 MB" in TEXT
    assert backups.KEPT == 10
    assert "`journal.db.backups`, its last ten kept copies" in TEXT
    assert packed.LARGE // 2**20 == 16
    assert "of more than 16 MB are compressed (`.db.gz`)" in TEXT
    assert packed.END == "db.gz"
    assert 365 <= LONG.days <= 366
    assert "an expiry that is more than a year away" in TEXT


def test_the_rights_of_tokens_are_those_that_the_doctor_asks_for() -> None:
    """``tests/azure/test_azure_rights.py`` runs submissions with them."""
    assert f"| **`sp={NEEDS_STORE}`** | **`sp={NEEDS_JOURNAL}`** |" in PAGE
    assert f"need `{NEEDS_SOURCE}`" in TEXT


def test_the_entries_of_the_credential_store() -> None:
    account = keychain.name_of_account_key("https://ACCOUNT.blob.core.windows.net")
    container = keychain.name_of("https://ACCOUNT.blob.core.windows.net", "CONTAINER")
    mail = MailSettings((), "", "SERVER", 465, SmtpSecurity.TLS, "USER").entry
    for name in (*keychain.names_of_aws_key("KEYID"), keychain.name_of_hmac_key("ACCESSID"), account, mail, keychain.SERVICE):
        assert f"`{name}`" in TEXT, name
    assert f"`{container}@{keychain.SERVICE}`" in TEXT
    assert f"| `{container}` | the SAS token of a container |" in TEXT


def test_the_files_of_a_user_are_all_named() -> None:
    """What a purge removes is what the page says that the program writes."""
    said = {
        "staging": "staging databases of reviews",
        "verify": "the last verification",
        "readiness": "what readiness checks found",
        "receipts": "receipts (also copies of those of colleagues) and reports of unattended runs",
        "shared-receipts": "copies of those of colleagues",
        "custody": "the state of a check-out",
        "theme": "the window's settings",
        "instance": "the window's settings",
        "window.ini": "`window.ini`",
        "sites.toml": "`sites.toml`",
        "window.ini.lock": "`window.ini`",
        "trusted-hosts.toml": "`trusted-hosts.toml`",
        "rates.json": "the measured upload rates",
    }
    assert said.keys() == {*purge.FOLDERS, *purge.FILES, *purge.DATA_FILES}
    place = (
        section("## What is installed where")
        .partition("| `%LOCALAPPDATA%\\CHoRUS Upload` |")[2]
        .partition("| `%LOCALAPPDATA%\\CHoRUS Upload\\Logs` |")[0]
    )
    assert [words for words in said.values() if words not in place] == []
    assert f"`{PORTABLE}`" in TEXT
    assert f"`%TEMP%\\{temporary.PREFIX}…`" in TEXT
    assert temporary.NEW_S == 3600
    assert "a later start removes it after an hour, and `purge` at once" in TEXT


def test_the_self_test_checks_what_the_page_says() -> None:
    said = re.findall(r"^- ", PAGE.partition("\nBoth check that:\n")[2].partition("\nNo network")[0], re.MULTILINE)
    source = Path(selftest.__file__).read_text("utf-8")
    checks = re.findall(r'attempt\("([\w ]+)"', source.partition("def run_checks(")[2].partition("\n\n\n")[0])
    assert checks == ["resources", "tls", "credential store", "sqlite", "lock", "cloud libraries", "submission"]
    assert len(said) == len(checks), "SQLite and locks are one line; the user's folders come first"


def test_what_builds_the_program_is_what_the_page_says(installer: Callable[[str], ModuleType]) -> None:
    pythons = [python for tags, python in installer("pins").TARGETS if tags == ("win_amd64",)]
    assert f"Python {' or '.join(f'{each[0]}.{each[1:]}' for each in pythons)}, NSIS 3" in TEXT
    workflow = (ROOT / ".github" / "workflows" / "exe.yml").read_text("utf-8")
    (nsis,) = {*re.findall(r"choco install nsis --version=(\d+\.\d+)\.0 ", workflow)}
    (wixl,) = {*re.findall(r"wixl=(\d+\.\d+)", workflow)}
    assert f"NSIS {nsis}, wixl {wixl}, and the images of Debian by their digests" in TEXT
    for name in (
        "CHoRUS-Upload-VERSION-Setup.exe",
        *(f"CHoRUS-Upload-VERSION-{end}" for end in ("x64.msi", "Portable.zip", "Policy.zip", "winget.zip")),
    ):
        assert name in TEXT, name


def test_links_and_paths_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+\.md)", PAGE):
        assert (ROOT / "docs" / target).is_file(), target
    for path in re.findall(r"`((?:installer|\.github)/[^`]+)`", PAGE):
        assert (ROOT / path).exists(), path
    for name in ("constraints.txt", "installer/server", "installer/pinned.txt"):
        assert (ROOT / name).exists()
