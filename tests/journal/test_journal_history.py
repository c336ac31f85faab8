"""The command history, in each schema's own spelling and without secrets."""

import pytest

from chorus_gui.core.journal.history import Command
from chorus_gui.core.journal.store import Journal

SITES = {"OMOP": "/data/snapshot1", "Images": "/data/snapshot1", "Waveforms": "/data/snapshot1"}


@pytest.mark.parametrize("schema", [1, 2])
def test_the_samples_commands_are_read(sample, schema):
    with Journal.open(sample(schema, "upload_2"), readonly=True) as journal:
        commands = journal.history()
    assert [(c.command, c.params) for c in commands] == [
        ("journal update", "--version 20250101000000"),
        ("file upload", ""),
        ("journal update", "--version 20250102000000"),
        ("file upload", ""),
    ]
    assert [c.dest for c in commands] == [None, "az://up24/" if schema == 1 else "az://uphead/golden"] * 2
    assert all(isinstance(c.seconds, float) for c in commands)
    assert commands[0].at == ("2026-11-22 11:55:47 UTC" if schema == 1 else "2026-11-22 11:55:39 UTC")
    assert commands[0].src_paths["OMOP"] == "/data/snapshot1"


def test_what_is_entered_is_spelt_as_the_samples_do(sample, dump):
    for schema, table in ((1, "command_history"), (2, "command_history_v2")):
        path = sample(schema, "upload_1")
        theirs = dump(path)[table]
        sites = SITES | ({"Metadata": "/data/snapshot1"} if schema == 2 else {})
        with Journal.open(path) as journal:
            common = f"--config v{schema}_1.toml"
            first = journal.begin_command("journal update", "--version 20250101000000", common=common, src_paths=sites, dest=None)
            second = journal.begin_command("file upload", "", common=common, src_paths=sites, dest=theirs[1][6])
            journal.end_command(second, 2.5)
            journal.end_command(first, 1.5)
            assert (first, second) == (3, 4)
        rows = dump(path)[table]
        assert rows[:2] == theirs, "another command's row was touched"

        def middle(row):
            # version 1 of the other tool leaves a blank after a command without parameters, trimmed or not by its logger
            return (*row[2:4], row[4].rstrip(), *row[5:7])

        assert [middle(row) for row in rows[2:]] == [middle(row) for row in theirs]
        assert [row[7] for row in rows[2:]] == (["1.5", "2.5"] if schema == 1 else [1.5, 2.5])


def test_no_secret_is_entered_or_shown(tmp_path, dump):
    path = tmp_path / "journal.db"
    with Journal.open(path, create=True) as journal:
        journal.begin_command(
            "remote upload",
            "--sas_token sv=1&sig=SECRETA%3D x",
            common="--config c.toml azure_account_key=SECRETB",
            src_paths={"OMOP": "https://x.blob.core.windows.net/c?sv=1&sig=SECRETC"},
            dest="https://x.blob.core.windows.net/c?sv=1&sig=SECRETD",
        )
        journal._conn.execute('UPDATE command_history_v2 SET SRC_PATHS = \'{"OMOP": "u?sig=SECRETE"}\'')
        assert "SECRET" not in str(journal.history())
    assert b"SECRETA" not in path.read_bytes()
    assert "SECRETD" not in str(dump(path))
    assert "SECRETB" not in str(dump(path))


def test_what_cannot_be_read_is_left_out(sample):
    with Journal.open(sample(1, "upload_1")) as journal:
        journal._conn.execute("UPDATE command_history SET DATETIME = NULL, COMMON_PARAMS = NULL, SRC_PATHS = '{', Duration = 'long'")
        journal._conn.execute("UPDATE command_history SET COMMAND = NULL, PARAMS = NULL, SRC_PATHS = '[1]' WHERE COMMAND_ID = 2")
        assert journal.history() == [
            Command(1, "", "", "journal update", "--version 20250101000000", {}, None, None),
            Command(2, "", "", "", "", {}, "az://up24/", None),
        ]


def test_a_journal_without_a_history_gets_one(sample, dump):
    for schema in (1, 2):
        path = sample(schema, "upload_1")
        with Journal.open(path, readonly=False) as journal:
            journal._conn.execute(f"DROP TABLE {journal._schema.history_table}")
        with Journal.open(path, readonly=True) as journal:
            assert journal.history() == []
        with Journal.open(path) as journal:
            journal.begin_command("journal update", "", common="", src_paths={}, dest=None)
            assert [c.command for c in journal.history()] == ["journal update"]
