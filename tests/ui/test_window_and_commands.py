"""Whatever the window can do, the command line can do: the table in the user guide says how, and each command in it exists."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from chorus_gui.cli.main import build_parser
from chorus_gui.core.config.keys import KEYS
from chorus_gui.ui import hold_intents, intents, job_intents, readiness_intents, saving_intents, session, site_intents

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "user-guide.md"
HEADING = "## The same on the command line"

OF_THE_WINDOW = {
    intents.ShowPage: "pages",
    intents.Refresh: "a command reads everything when it starts",
    intents.DismissNotice: "notices",
    intents.SetTheme: "themes",
    intents.OpenPath: "opens a page or a folder in another program",
    intents.OpenDropped: "files and folders are dropped on a window; a command has -c",
    intents.CloseConfig: "a command has one configuration",
    site_intents.ListSites: "the list of this window: a command has -c",
    intents.MarkTest: "the badge",
    job_intents.ChooseAfterwards: "a shell starts what comes after a command",
    intents.ShowScript: "a dialog",
    intents.ChooseScan: "a dialog",
    saving_intents.SavePicture: "a picture; a command writes the values",
}
"""What only a window has, and why."""
ROWS = {
    intents.OpenConfig: "Open configuration",
    intents.TrustHosts: "Trust a server",
    intents.OpenDemo: "Open demo site",
    intents.SaveConfig: "Change the configuration",
    intents.KeepTokens: "Move credentials to the credential store",
    intents.RenewCredential: "Enter a new credential",
    intents.TestConnection: "Test connection, doctor",
    intents.Examine: "Test connection, doctor",
    intents.SupportBundle: "Save a support bundle",
    intents.CheckOut: "Check out",
    intents.CheckIn: "Check in",
    intents.Unlock: "Unlock",
    intents.CompareJournals: "Compare the journals",
    intents.Adopt: "Take over a journal",
    intents.AskSetAside: "Set the local journal aside",
    intents.Recover: "Continue after an interruption",
    intents.RecoverJournal: "Use the journal with more history",
    intents.DecideHistory: "Use the journal with more history",
    intents.AcceptLessHistory: "Use the journal with less history",
    intents.UpgradeJournal: "Upgrade the journal",
    intents.Undo: "Undo a version",
    intents.Restore: "Restore a kept copy",
    intents.Scan: "Scan",
    intents.HoldBack: "Hold back, hold back a patient",
    intents.HoldBackPatient: "Hold back, hold back a patient",
    intents.Release: "Release",
    hold_intents.HoldFound: "Hold back, hold back a patient",
    hold_intents.ReleaseFound: "Release",
    hold_intents.UndoHold: "Undo a hold or a release",
    intents.ExportHolds: "Save the held-back list, open one",
    intents.ImportHolds: "Save the held-back list, open one",
    intents.MarkDeleted: "Mark as deleted",
    intents.MarkFailed: "Mark as deleted",
    hold_intents.ReleaseFailed: "Release",
    intents.ExportChanges: "Export the changes",
    intents.Approve: "Approve and submit",
    intents.UploadPending: "Upload pending files",
    intents.RetryFailed: "Retry failed files",
    intents.ExportFailures: "Export the failed files",
    intents.Verify: "Verify",
    intents.Repair: "Repair",
    intents.ExportVerify: "Export the results of a verification",
    intents.ExportFileList: "Save a file list",
    intents.GenerateScript: "Generate a script",
    intents.CancelJob: "Cancel, pause, resume",
    intents.PauseJob: "Cancel, pause, resume",
    intents.ResumeJob: "Cancel, pause, resume",
    intents.SetLimit: "Limit the bandwidth, also by a timetable",
    intents.ClearLocalData: "Clear local data",
    saving_intents.SaveReceipt: "Save a receipt, copy a message about it",
    saving_intents.ExportChart: "Save the values of a chart",
    saving_intents.DownloadFile: "Look at the files in the central store, download one",
    readiness_intents.CheckSite: "Check the site",
    readiness_intents.AcceptLeaks: "Accept a leak, no longer accept it",
    readiness_intents.WithdrawLeaks: "Accept a leak, no longer accept it",
    readiness_intents.ExportReadiness: "Export the readiness check",
}
"""The line of the table that has the action."""


def table() -> dict[str, str]:
    """What the window does → what the command line has for it."""
    section = GUIDE.read_text("utf-8").split(HEADING, 1)[1].split("\n## ", 1)[0]
    lines = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("| ")][1:]
    return {left.strip(): right.strip() for left, right in lines}


def actions(kind: type[intents.Intent] = intents.Intent) -> set[type[intents.Intent]]:
    """Every action of the window: each is a class that the session, or what it imports, knows."""
    assert session.Session
    below = kind.__subclasses__()
    return set(below).union(*map(actions, below)) if below else set()


def test_each_action_of_the_window_has_its_command() -> None:
    assert {one.__name__ for one in actions()} == {one.__name__ for one in (*OF_THE_WINDOW, *ROWS)}
    assert not set(OF_THE_WINDOW) & set(ROWS)
    assert set(ROWS.values()) == set(table())


def test_each_command_of_the_table_exists() -> None:
    wrong = [f"{left}: {code}" for left, right in table().items() for code in re.findall(r"`([^`]+)`", right) if not exists(code)]
    assert wrong == []
    assert not exists("export nothing")
    assert not exists("file verify --nothing")
    assert not exists("scan nothing")


def exists(code: str) -> bool:
    """It is a command with options that it has, an option of the program, or a key of the configuration."""
    parser, words = build_parser(), code.split()
    if code in KEYS:
        return True
    while (deeper := _commands(parser)) and words and words[0] in deeper:
        parser, words = deeper[words[0]], words[1:]
    if _commands(parser) and not (words and words[0].startswith("-")):
        return False
    known = parser._option_string_actions
    while words:
        word, words = words[0], words[1:]
        if word.startswith("-"):
            if word not in known:
                return False
            if known[word].nargs != 0:
                value, words = words[0], words[1:]
                choices = known[word].choices
                if choices is not None and value not in list(choices):
                    return False
        elif not any(not action.option_strings and not isinstance(action, argparse._SubParsersAction) for action in parser._actions):
            return False
    return True


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}
