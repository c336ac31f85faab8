"""Which place a new credential of “credential set” is for: every set of places, every kind of credential, by pipe and at a terminal."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest
from keyringworld import MemoryKeyring, using

from chorus_gui.cli.main import main

TOKEN, ACCOUNT, AWS, GOOGLE = KINDS = ("SAS token", "account key", "access key", "HMAC key")
ENTRIES = {TOKEN: "one.blob.core.windows.net/waves", ACCOUNT: "azure/two.blob.core.windows.net", AWS: "aws/AKIA", GOOGLE: "google/GOOG"}
PLACES = {TOKEN: "Waveforms", ACCOUNT: "Images", AWS: "OMOP", GOOGLE: "Metadata"}
OLD_KEY, KEY = (base64.b64encode(bytes(range(at, at + 64))).decode() for at in (1, 101))
SAS = "sv=2025-01-05&se=2099-01-01T00%3A00%3A00Z&sr=c&sp=rl&sig={}%2Fsecret%3D"
TABLES = {
    TOKEN: f'path = "az://waves"\n{{}}azure_account_name = "one"\nazure_sas_token = "{SAS.format("old")}"\n',
    ACCOUNT: f'path = "az://box/in"\n{{}}azure_account_name = "two"\nazure_account_key = "{OLD_KEY}"\n',
    AWS: 'path = "s3://box/in"\n{}aws_access_key_id = "AKIA"\naws_secret_access_key = "old-secret"\n',
    GOOGLE: 'path = "gs://box/in"\n{}google_hmac_access_id = "GOOG"\ngoogle_hmac_secret = "old-secret"\n',
}
SECRET = "fresh-secret-of-a-service"
PIPED = {
    TOKEN: (SAS.format("new"), SAS.format("new")),
    ACCOUNT: (KEY, KEY),
    AWS: (f"export AWS_ACCESS_KEY_ID=AKIA\nexport AWS_SECRET_ACCESS_KEY={SECRET}\n", SECRET),
    "": (f"{SECRET}\n", SECRET),  # nothing shows what it is
}
"""Of each kind: what is sent, and what must be stored."""
SETS = [chosen for count in (1, 2, 3, 4) for chosen in combinations(KINDS, count)]


@pytest.fixture
def store() -> Iterator[MemoryKeyring]:
    yield from using(MemoryKeyring())


def written(folder: Path, kinds: tuple[str, ...]) -> Path:
    """A configuration with a modality for each kind; the others are in a folder."""
    text = '[central_path]\npath = "/central"\n[journal.source]\npath = "journal.db"\n[site_path.default]\npath = "/site"\n'
    for kind in kinds:
        text += f"[site_path.{PLACES[kind]}]\n" + TABLES[kind].format(f"[site_path.{PLACES[kind]}.auth]\n")
    file = folder / "config.toml"
    file.write_text(text, "utf-8")
    return file


def expected(usable: tuple[str, ...], sent: str) -> str:
    """The kind of place that gets what is sent; "": it is refused."""
    if sent:
        return sent if sent in usable else ""
    return usable[0] if usable in ((AWS,), (GOOGLE,)) else ""


@pytest.mark.parametrize("sent", PIPED)
@pytest.mark.parametrize("kinds", SETS, ids="+".join)
def test_what_is_piped_goes_where_such_a_credential_is_used(
    tmp_path: Path,
    store: MemoryKeyring,
    monkeypatch: pytest.MonkeyPatch,
    kinds: tuple[str, ...],
    sent: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for place in ("", *(PLACES[kind] for kind in kinds)):
        file = written(tmp_path, kinds)
        before, _ = file.read_bytes(), store.kept.clear()
        monkeypatch.setattr("sys.stdin", io.StringIO(PIPED[sent][0]))
        status = main(["-c", str(file), "credential", "set", *(("--place", place) if place else ())])
        said = capsys.readouterr()
        right = expected(tuple(kind for kind in kinds if place in ("", PLACES[kind])), sent)
        assert status == (0 if right else 2), f"{place}: {said.err}"
        assert store.kept == ({ENTRIES[right]: PIPED[sent][1]} if right else {}), place
        assert right or file.read_bytes() == before
        if not right and not place and len(kinds) > 1:
            assert "--place" in said.err, "a remedy that works"
        assert SECRET not in said.out + said.err
        assert KEY not in said.out + said.err


PROMPTS = {
    TOKEN: ["SAS token: "],
    ACCOUNT: ["Account key: "],
    AWS: ["Access key ID (Enter: the one in the file): ", "Secret access key: ", "Session token (Enter: none): "],
    GOOGLE: ["Access ID (Enter: the one in the file): ", "Secret: "],
}
TYPED = {TOKEN: [SAS.format("new")], ACCOUNT: [KEY], AWS: ["", SECRET, ""], GOOGLE: ["", SECRET]}


@pytest.mark.parametrize("kinds", SETS, ids="+".join)
def test_a_terminal_asks_for_what_the_place_uses(
    tmp_path: Path, store: MemoryKeyring, monkeypatch: pytest.MonkeyPatch, kinds: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Without --place for a SAS token, if there are some, or for the only kind that there is.  Otherwise nothing is asked for."""
    monkeypatch.setattr("chorus_gui.cli.credential_commands.is_terminal", lambda stream: True)
    for place in ("", *(PLACES[kind] for kind in kinds)):
        file = written(tmp_path, kinds)
        store.kept.clear()
        usable = [kind for kind in kinds if place in ("", PLACES[kind])]
        right = usable[0] if TOKEN in usable or len(usable) == 1 else ""
        asked: list[str] = []

        def answer(prompt: str, asked: list[str] = asked, right: str = right) -> str:
            asked.append(prompt)
            return TYPED[right][len(asked) - 1]

        monkeypatch.setattr("getpass.getpass", answer)
        status = main(["-c", str(file), "credential", "set", *(("--place", place) if place else ())])
        said = capsys.readouterr()
        assert (status, asked) == ((0, PROMPTS[right]) if right else (2, [])), said.err
        assert store.kept == ({ENTRIES[right]: TYPED[right][-1] if right != AWS else SECRET} if right else {})
        assert right or "--place" in said.err


@pytest.mark.parametrize(("typed", "said"), [(KEY, "--place"), (f"{KEY}=", "not a SAS token")])
def test_another_kind_that_is_typed_says_how_to_choose_its_place(
    tmp_path: Path, store: MemoryKeyring, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: str, said: str
) -> None:
    file = written(tmp_path, (TOKEN, ACCOUNT))
    monkeypatch.setattr("chorus_gui.cli.credential_commands.is_terminal", lambda stream: True)
    monkeypatch.setattr("getpass.getpass", lambda prompt: typed)
    assert main(["-c", str(file), "credential", "set"]) == 2
    assert said in capsys.readouterr().err
    assert store.kept == {}


def test_a_place_that_signs_in_otherwise_does_not_get_in_the_way(
    tmp_path: Path, store: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two modalities in S3, one uses a profile."""
    file = written(tmp_path, (AWS,))
    more = '[site_path.Metadata]\npath = "s3://box/meta"\n[site_path.Metadata.auth]\naws_profile = "site"\n'
    file.write_text(file.read_text("utf-8") + more, "utf-8")
    monkeypatch.setattr("sys.stdin", io.StringIO(SECRET))
    assert main(["-c", str(file), "credential", "set"]) == 0
    assert store.kept == {ENTRIES[AWS]: SECRET}
