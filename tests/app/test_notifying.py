"""People are told how an unattended run ended: by a program of the site, and by mail through its own server."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from faces import ONE, CommandLine
from keyringworld import MemoryKeyring, using
from mailserver import PASSWORD, USER, Mails, mail_server
from test_statuses import Scene, no_store
from world import World

from chorus_gui.app.status import Status
from chorus_gui.app.unattended import notifying
from chorus_gui.app.unattended.notifying import without_names
from chorus_gui.app.unattended.run_report import Kept, begun, from_json, reports_folder, saved
from chorus_gui.core.config import hosts
from chorus_gui.core.config.load import check, load
from chorus_gui.core.config.model import SmtpSecurity
from chorus_gui.core.config.report_keys import PASSWORD_VARIABLE
from chorus_gui.core.errors import PolicyError, UntrustedHostError
from chorus_gui.core.folders import log_folder

HOOK = """\
import json, os, sys
with open({out!r}, "a", encoding="utf-8") as out:
    out.write(json.dumps([sys.argv[1:], dict(os.environ)]) + "\\n")
sys.exit({code})
"""


def settings(world: World, text: str) -> None:
    """Give the configuration a [report] table."""
    world.file.write_text(f"{world.file.read_text('utf-8')}\n[report]\n{text}\n", "utf-8")


def hook(world: World, code: int = 0, body: str = HOOK, more: str = "") -> Path:
    """A program that writes down what it was told, and ends with ``code``."""
    program, out = world.base / "tell me & more.py", world.base / "told.txt"
    program.write_text(body.format(out=str(out), code=code), "utf-8")
    settings(world, f"hook = {json.dumps([sys.executable, program.as_posix(), '%PATH% $HOME'])}\n{more}")
    return out


def told(out: Path) -> list[tuple[list[str], dict[str, str]]]:
    return [tuple(json.loads(line)) for line in out.read_text("utf-8").splitlines()] if out.exists() else []


def run(cli: CommandLine, world: World, policy: str = "") -> Any:
    file = world.base / "p.toml"
    file.write_text(policy, "utf-8")
    return cli.run(f"submit --policy {file.as_posix()}")


# --- the hook -------------------------------------------------------------------------------------------------------------


def test_the_hook_gets_the_report_and_the_status(cli: CommandLine, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_SAS_TOKEN", "sig=verysecret")
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    out = hook(world)
    assert run(cli, world).status == Status.DONE
    [(arguments, environment)] = told(out)
    assert arguments[0] == "%PATH% $HOME", "no shell read it"
    report = from_json(Path(arguments[1]).read_text("utf-8"))
    assert (report.status, arguments[2]) == (0, "0")
    assert environment["CHORUS_REPORT"] == arguments[1]
    assert (environment["CHORUS_STATUS"], environment["CHORUS_RESULT"]) == ("0", "done")
    assert PASSWORD not in str(environment)
    assert "verysecret" not in str(environment)


SECRET_NAMES = (
    "AZURE_STORAGE_KEY", "AWS_SESSION_TOKEN", "SAS", "CHORUS_SAS", "SAS_URL", "STORAGE_ACCOUNT_KEY", "API_KEY", "MY_APIKEY", "accountKey",
    "SSH_PRIVATE_KEY", "DB_PASSWD", "KEY_PASSPHRASE", "SITE_CREDENTIAL", "CREDENTIALS_DIRECTORY", "GH_TOKEN",
)  # fmt: skip
HARMLESS_NAMES = ("PATH", "HOME", "PWD", "OLDPWD", "KEYBOARD", "SASSY_LAYOUT", "LANG", "SystemRoot", "TEMP", "COMSPEC", "MONKEY")


def test_the_hook_gets_no_variable_whose_name_says_that_it_is_a_credential() -> None:
    given: dict[str, str] = dict.fromkeys((*SECRET_NAMES, *HARMLESS_NAMES), "x")
    assert set(notifying._harmless(given)) == set(HARMLESS_NAMES)


@pytest.mark.parametrize(
    ("when", "ends"),
    [("done", [0]), ("stopped", [4, 3]), ("failed", [2]), ("stopped,failed", [4, 3, 2]), ("done,stopped,failed", [0, 4, 3, 2])],
)
def test_only_the_chosen_ends_are_told(when: str, ends: list[int], cli: CommandLine, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    out = hook(world, more=f'when = "{when}"')
    assert run(cli, world).status == Status.DONE
    world.put("1003/Images/new.dcm", "new")
    assert run(cli, world, "[upload]\nfiles = 0").status == Status.DECISION
    no_store(Scene(world, monkeypatch))
    assert run(cli, world).status == Status.STOPPED
    assert run(cli, world, "nonsense = 1").status == Status.NOT_STARTED
    assert [int(arguments[2]) for arguments, _ in told(out)] == ends


def test_a_run_that_was_killed_is_told_by_the_next_one(cli: CommandLine, world: World) -> None:
    out = hook(world)
    Kept.begin(begun(world.file, Path("p.toml"))).close()  # as if its process had been killed
    assert run(cli, world).status == Status.DONE
    assert [int(arguments[2]) for arguments, _ in told(out)] == [130, 0]


def test_a_hook_that_fails_is_a_warning(cli: CommandLine, world: World) -> None:
    hook(world, code=7)
    ended = run(cli, world)
    assert ended.status == Status.DONE
    assert "It ended with exit status 7." in ended.said
    assert "exit status 7" in saved()[0][1].warnings[0]


def test_a_hook_that_is_not_there_is_a_warning(cli: CommandLine, world: World) -> None:
    settings(world, 'hook = ["/nowhere/tell"]')
    ended = run(cli, world)
    assert ended.status == Status.DONE
    assert "The program “/nowhere/tell” failed. It could not be started" in ended.said


ENDLESS = """\
import sys
while True:
    sys.stdout.write("x" * 100_000)
# {out!r} {code}
"""


def test_a_hook_that_prints_without_end_is_stopped(cli: CommandLine, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifying, "PRINTED", 3_000_000)
    hook(world, body=ENDLESS, more="hook_seconds = 3600")
    ended = run(cli, world)
    assert ended.status == Status.DONE
    assert "It printed more than 3 MB, and was stopped." in ended.said


SLOW = """\
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(200)"])
open({out!r}, "w").write(str(child.pid)); time.sleep(200 + {code})
"""


@pytest.mark.skipif(os.name != "posix", reason="asks whether a process lives as POSIX does")
def test_a_hook_that_does_not_end_is_stopped_with_what_it_started(cli: CommandLine, world: World) -> None:
    out = hook(world, body=SLOW, more="hook_seconds = 5")
    began = time.monotonic()
    ended = run(cli, world)
    assert ended.status == Status.DONE
    assert "It did not end within 5 seconds, and was stopped." in ended.said
    assert time.monotonic() - began < 90
    child = int(out.read_text())
    for _ in range(400):
        try:
            state = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] if sys.platform == "linux" else ""
            os.kill(child, 0)
        except (OSError, ProcessLookupError):
            return
        if state == "Z":
            return
        time.sleep(0.05)
    pytest.fail("the hook's child lives")


# --- the mail -------------------------------------------------------------------------------------------------------------


@contextmanager
def mailing(world: World, patch: pytest.MonkeyPatch, security: str, more: str = "", **server: Any) -> Iterator[Mails]:
    folder = world.base / "tls"
    folder.mkdir()
    with mail_server(folder, patch, security, **server) as mails:
        sign_in = f'smtp_user = "{USER}"\n' if server.get("sign_in", True) else ""
        to = 'mail_to = ["data@hospital.example", "it@hospital.example"]\nmail_from = "chorus@hospital.example"'
        settings(world, f'{to}\nsmtp_server = "127.0.0.1"\nsmtp_port = {mails.port}\nsmtp_security = "{security}"\n{sign_in}{more}')
        yield mails


@pytest.mark.parametrize("security", ["starttls", "tls", "none"])
def test_a_mail_is_sent(security: str, cli: CommandLine, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    with mailing(world, monkeypatch, security) as mails:
        ended = run(cli, world)
    assert ended.status == Status.DONE
    assert "Warning" not in ended.said
    [mail] = mails.got
    assert mails.receivers == [["data@hospital.example", "it@hospital.example"]]
    assert mail["From"] == "chorus@hospital.example"
    assert "Done: 4 files" in mail["Subject"]
    assert mails.passwords == [PASSWORD]
    body = mail.get_content()
    assert "Exit status:   0" in body
    assert "submit: exit status 0" in body
    assert ONE not in body


def test_without_a_user_nobody_signs_in(cli: CommandLine, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with mailing(world, monkeypatch, "starttls", sign_in=False) as mails:
        run(cli, world)
    assert len(mails.got) == 1
    assert mails.passwords == []


def test_a_policy_stop_is_mailed_with_its_rules_and_no_names(cli: CommandLine, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    with mailing(world, monkeypatch, "starttls") as mails:
        assert run(cli, world, "[upload]\nfiles = 1").status == Status.DECISION
    body = mails.got[0].get_content()
    assert "upload.files: 4 files would be uploaded. The policy allows at most 1." in body
    assert all(name not in body for name in ("1001", "1002", ".dcm", "person.csv"))
    assert "Stopped by the policy" in mails.got[0]["Subject"]


def test_failed_files_are_named_only_if_that_was_chosen(cli: CommandLine, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    world.run("record", version="v1")
    (world.site / ONE).write_bytes(b"another content")
    with mailing(world, monkeypatch, "starttls") as mails:
        (world.site / "OMOP/person.csv").unlink()
        run(cli, world, "patients_gone = 9\n[deletions]\nfiles = 9")
        text = world.file.read_text("utf-8")
        world.file.write_text(f'{text}\nmail_details = "receipt"', "utf-8")
        world.put("1001/Images/late.dcm", "late")
        run(cli, world)
    assert len(mails.got) == 2
    assert "1001/" not in mails.got[0].get_content()
    assert "Submission receipt: Complete" in mails.got[1].get_content()


def test_the_password_of_the_credential_store_is_used(cli: CommandLine, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for store in using(MemoryKeyring()):
        with mailing(world, monkeypatch, "starttls") as mails:
            monkeypatch.setattr("sys.stdin", __import__("io").StringIO(PASSWORD + "\n"))
            kept = cli.run("credential set --place report")
            assert kept.status == Status.DONE, kept
            assert PASSWORD not in kept.out + kept.said
            assert store.kept == {f"smtp/{USER}@127.0.0.1": PASSWORD}
            run(cli, world)
        assert mails.passwords == [PASSWORD]
        assert cli.run("credential delete --place report").status == Status.DONE
        assert store.kept == {}


@pytest.mark.parametrize("trouble", ["no password", "wrong password", "no server", "another certificate", "refused", "no starttls"])
def test_a_mail_that_cannot_be_sent_is_a_warning(trouble: str, cli: CommandLine, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    if trouble != "no password":
        monkeypatch.setenv(PASSWORD_VARIABLE, "wrong" if trouble == "wrong password" else PASSWORD)
    security = "none" if trouble == "no starttls" else "starttls"
    with mailing(world, monkeypatch, security, trusted=trouble != "another certificate") as mails:
        text = world.file.read_text("utf-8")
        if trouble == "refused":
            mails.refuse = f"554 no {PASSWORD}"
        if trouble == "no server":
            world.file.write_text(text.replace(f"smtp_port = {mails.port}", "smtp_port = 1"), "utf-8")
        if trouble == "no starttls":
            world.file.write_text(text.replace('"none"', '"starttls"'), "utf-8")
        ended = run(cli, world)
    assert ended.status == Status.DONE, ended
    says = {
        "no password": "There is no password for “chorus”",
        "wrong password": "does not accept the user or the password (code 535)",
        "no server": "Could not send through the mail server “127.0.0.1” (port 1)",
        "another certificate": "The certificate of the mail server “127.0.0.1”",
        "refused": "refused the mail (code 554)",
        "no starttls": "does not offer what the configuration asks for",
    }[trouble]
    assert "Warning: The mail about this run was not sent. " in ended.said
    assert says in ended.said
    assert mails.got == []
    kept = [file for folder in (reports_folder(), log_folder()) for file in folder.rglob("*") if file.is_file()]
    assert all(PASSWORD not in file.read_text("utf-8") for file in kept)
    assert PASSWORD not in ended.said + ended.out


def test_nothing_goes_to_a_server_that_nobody_confirmed(cli: CommandLine, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    settings(world, f'mail_to = "a@b.example"\nsmtp_server = "mail.elsewhere.example"\nsmtp_user = "{USER}"')
    ended = run(cli, world)
    assert ended.status == Status.DONE
    assert "“mail.elsewhere.example” is not a known server" in ended.said
    assert "--trust-host mail.elsewhere.example" in ended.said


def test_the_gate_for_mail_servers_is_that_of_all_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    from chorus_gui.core.config.policy import Policy, Rule

    hosts.admit_server("127.0.0.1")
    with pytest.raises(UntrustedHostError):
        hosts.admit_server("mail.hospital.example")
    with pytest.raises(UntrustedHostError):
        hosts.admit_server("chorus.blob.core.windows.net")
    hosts.confirm("mail.hospital.example")
    hosts.admit_server("MAIL.hospital.example.")
    monkeypatch.setattr(hosts, "read_policy", lambda: Policy("x", {Rule.HOSTS: frozenset({"other.example"})}))
    with pytest.raises(PolicyError):
        hosts.admit_server("mail.hospital.example")
    hosts.admit_server("other.example")


# --- the table in the configuration ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "key", "says"),
    [
        ('when = "always"', "report.when", "done, stopped or failed"),
        ('mail_to = "nobody"\nsmtp_server = "a.example"', "report.mail_to", "not a mail address"),
        ('mail_to = "a@b.example\\nBcc: c@d.example"\nsmtp_server = "a.example"', "report.mail_to", "control character"),
        ('mail_to = "a@b.example"', "report.mail_to", "smtp_server"),
        ('mail_from = "a@b.example,c@d.example"', "report.mail_from", "only one sender"),
        ('smtp_server = "http://a/b"', "report.smtp_server", "not the name of a server"),
        ("smtp_port = 70000", "report.smtp_port", "not a port"),
        ('smtp_security = "ssl"', "report.smtp_security", "starttls"),
        ('smtp_server = "a.example"\nsmtp_security = "none"\nsmtp_user = "x"', "report.smtp_user", "could read the password"),
        ("hook_seconds = 99999", "report.hook_seconds", "largest is 3,600"),
        ("hook = [1]", "report.hook", "not a text"),
    ],
)
def test_a_faulty_table_is_refused(text: str, key: str, says: str, world: World) -> None:
    settings(world, text)
    found = check(world.file.read_text("utf-8"), world.file, environ={})
    assert {fault.key for fault in found.faults} == {key}
    assert says in " ".join(map(str, found.faults))


@pytest.mark.parametrize(
    ("written", "used"), [("./tell", "tell"), ("bin/tell", "bin/tell"), ("../tell", "../tell"), ("tell", None), ("/opt/tell", None)]
)
def test_a_hook_in_a_folder_is_found_wherever_a_scheduler_starts(written: str, used: str | None, world: World) -> None:
    """It was looked for in the current folder: “report test” found it, and the scheduler at night did not."""
    written = os.path.abspath(written) if written.startswith("/") else written
    settings(world, f"hook = {json.dumps([written, './x'])}")
    found = check(world.file.read_text("utf-8"), world.file, environ={})
    assert found.config is not None, found.faults
    expected = written if used is None else os.path.normpath(world.file.parent / used)
    assert found.config.report.hook == (expected, "./x")


@pytest.mark.parametrize("layout", ["flat", "nested"])
def test_both_layouts_have_the_table(layout: str, tmp_path: Path) -> None:
    sample = Path(__file__).parents[1] / "data" / "configs" / ("flat_2024.toml" if layout == "flat" else "nested_2026.toml")
    text = f'{sample.read_text("utf-8")}\n[report]\nhook = "tell"\nmail_to = "a@b.example, c@d.example"\nsmtp_server = "mail.example"\n'
    found = check(text, tmp_path / "config.toml", environ={})
    assert found.config is not None, found.faults
    report = found.config.report
    assert (report.hook, report.when, report.hook_seconds) == (("tell",), ("done", "stopped", "failed"), 60.0)
    assert report.mail is not None
    assert (report.mail.to, report.mail.sender, report.mail.port) == (("a@b.example", "c@d.example"), "a@b.example", 587)
    assert report.mail.security is SmtpSecurity.STARTTLS


def test_a_password_in_the_file_is_a_warning_and_is_never_shown(world: World) -> None:
    settings(world, f'mail_to = "a@b.example"\nsmtp_server = "mail.example"\nsmtp_user = "x"\nsmtp_password = "{PASSWORD}"')
    config = load(world.file, environ={})
    assert any("The password can be read in this file" in warning for warning in config.warnings)
    assert config.report.mail is not None
    assert config.report.mail.password.reveal() == PASSWORD
    assert PASSWORD not in repr(config)


# --- the test of it, and the list -----------------------------------------------------------------------------------------


def test_the_hook_and_the_mail_can_be_tried(cli: CommandLine, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli.run("report test").status == Status.NOT_STARTED
    out = hook(world, more='when = "failed"')
    ended = cli.run("report test")
    assert ended.status == Status.DONE, ended
    assert "was started." in ended.out
    assert from_json(Path(told(out)[0][0][1]).read_text("utf-8")).headline == "This is a test. Nothing was submitted."
    assert saved() == []
    (world.base / "tell me & more.py").unlink()
    assert cli.run("report test").status == Status.FAULTY


def test_the_reports_are_listed(cli: CommandLine, world: World) -> None:
    assert "No unattended run" in cli.run("report list").out
    run(cli, world)
    run(cli, world, "nonsense = 1")
    listed = cli.run("report list").out
    assert "Done: 4 files" in listed
    assert "Could not start" in listed
    found = json.loads(cli.run("report list --json").out)
    assert [run["status"] for run in found] == [2, 0]


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("“1001/Images/a.dcm” could not be read.", "“…” could not be read."),
        ("The patient “1001” is gone.", "The patient “…” is gone."),
        ("Could not open 1001/Images/a.dcm.", "Could not open …"),
        ("Check it in with “journal checkin”.", "Check it in with “journal checkin”."),
        ("Add --allow “chorus-upload submit --yes”.", "Add --allow “chorus-upload submit --yes”."),
        ("The journal “/data/j 1/journal.db” is in use.", "The journal “/data/j 1/journal.db” is in use."),
        ("C:\\x\\y.dcm: no permission. Status 3.", "… no permission. Status 3."),
    ],
)
def test_a_mail_hides_names(text: str, hidden: str) -> None:
    assert without_names(text, {"/data/j 1/journal.db", "ab"}) == hidden


def test_the_hook_starts_in_the_folder_of_the_configuration(cli: CommandLine, world: World) -> None:
    """A scheduler starts everything somewhere else: so an argument such as “notify.py” is found."""
    program, out = world.base / "notify.py", world.base / "where.txt"
    program.write_text("import os, pathlib\npathlib.Path('where.txt').write_text(os.getcwd(), 'utf-8')\n", "utf-8")
    settings(world, f"hook = {json.dumps([sys.executable, 'notify.py'])}\n")
    ended = run(cli, world)
    assert ended.status == Status.DONE, ended
    assert Path(out.read_text("utf-8")).samefile(world.base)
