"""What people can do, said for the window: core and app name a command, and the window has a page, a menu or a button for it.

:func:`in_window` is used by :func:`~chorus_gui.ui.shown.plain_text`, through which every text reaches the screen.  A command for which the
window has nothing stays, with the file of the open configuration, so that it can be pasted into a terminal.
"""

from __future__ import annotations

import re
from pathlib import Path

from chorus_gui.core.shown import argument

THE_PAGE = "on the Configuration page"
"""Where a new credential is entered, if no dialog asks for it."""
COMMANDS = {
    "clear-data": "Tools → Clear local data",
    "config-help": "File → New configuration",
    "credential move": "Tools → Move credentials",
    "demo": "File → Open demo site",
    "doctor": "the Doctor page",
    "file list": "Tools → Export file list",
    "file list --output-type azcli": "Tools → Generate azcli batch file",
    "file list --output-type azcopy": "Tools → Generate azcopy script",
    "file mark_as_deleted": "“Mark as deleted…” on the Upload page",
    "file mark_as_deleted --file": "“Mark as deleted…” on the Review page",
    "file repair": "“Upload again” on the Verify page",
    "file upload": "Upload → Upload pending files",
    "file verify": "Upload → Verify",
    "hold add": "“Hold back…” on the Review page",
    "hold add --patient": "“Folders” on the Review page, then the box of each patient",
    "hold list": "the Review page",
    "hold release": "“Release…” on the Upload page",
    "journal adopt": "Journal → Take over a journal",
    "journal checkin": "Journal → Check in",
    "journal checkout": "Journal → Check out",
    "journal list": "the History page",
    "journal recover": "Journal → Recover the journal",
    "journal restore": "Journal → Kept copies",
    "journal set-aside": "Journal → Set the local journal aside",
    "journal status": "the Overview page",
    "journal undo": "“Undo version…” on the History page",
    "journal unlock": "Journal → Unlock",
    "journal upgrade": "Journal → Upgrade the journal",
    "leak accept": "“Accept…” on the Readiness page",
    "leak list": "the Readiness page",
    "leak withdraw": "“Withdraw” on the Readiness page",
    "readiness": "the Readiness page",
    "readiness --list-rules": "the Readiness page",
    "readiness --pass at-once": "“At once” on the Readiness page",
    "readiness --pass quick": "“Quick pass” on the Readiness page",
    "readiness --pass thorough": "“Thorough pass” on the Readiness page",
    "remote download": "Tools → Files in the central store",
    "remote list": "Tools → Files in the central store",
    "scan": "Upload → Scan the site",
    "status": "the Overview page",
    "submit": "Upload → Scan the site",
    "support-bundle": "Tools → Support bundle",
}
"""A command, with the options that matter → where the window has it: a menu, a page, or what a page has.  A longer command comes first.

What is done to failed files is next to them on the Upload page, so only remedies of failed files name “file mark_as_deleted” and “hold release” alone.  “--file” is of
lines that the review has.  tests/ui/test_remedies.py says which text may name what.
"""
TERMINAL_ONLY = (
    "file mark_as_deleted --file-list",
    "file upload --version",
    "credential set --place report",
    "submit --policy",
    "submit --require",
)
"""Commands that the window does not have, though it has one that begins with the same words."""
_BY_LENGTH = sorted(COMMANDS, key=len, reverse=True)
_COMMAND = re.compile(
    rf"(?P<run>\b[Rr]un )?“(?P<whole>chorus-upload )?(?!{'|'.join(map(re.escape, TERMINAL_ONLY))})(?P<command>{'|'.join(map(re.escape, _BY_LENGTH))})(?P<rest>(?= )[^”]*)?”"
)
"""In quotes.  Without “chorus-upload” it can be a name, such as “file list old.csv”: :func:`_command` leaves what is no command."""
_ARGUMENTS = re.compile(r"| --?[a-z].*| [A-Z]+(?: [A-Z]+)*")
"""What a command has besides its name: options, or words such as NAME that a person replaces."""
_STORED = r"(?P<how>[Ss])tore (?P<it>it|a new one|the one [A-Za-z ]+?)(?: in [^“”.]+?)? with “chorus-upload credential set”"
_SENTENCES = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r" \((?:on the command line, add --[a-z-]+|--output-type (?:azcli|azcopy|list))\)", ""),
        (r"(?<=on the Overview page), or use “chorus-upload [^”]*”", ""),
        (r", or store it in [^“”]+ with “chorus-upload credential set --place PLACE” \([^)]*\)", ""),
        (r"Store it with “chorus-upload credential set --place PLACE” \([^)]*\)\. Or enter it", "Enter it"),
        (r" Or store the secret in [^“”]+ with “chorus-upload credential set”\.", ""),
        (r"run the command once with “--trust-host [^”]*”", "confirm it when the program asks (Tools → Test connection asks again)"),
        (r"repeat the command with --accept-less-history", "select “Continue with less history” (Journal → Recover the journal)"),
        (r"\badd --reread\b", "select “Read files again (thorough)” on the Verify page"),
        (r"If it could not check some images, use “--pass thorough”", "If it could not check some images, use “Thorough pass”"),
        (r", or add --local-journal [^ ]+(?=\.)", ""),
        (r"\bUse -c to name another file", "Use File → Open configuration to choose another file"),
        (r", or omit --amend to start this version", ", or approve the changes as a new version with this name"),
        (r"\bOmit --amend to start the first version", "Approve the changes as a new version"),
    )
)
"""A sentence of the command line → one of the window."""
_ENTERED = (
    (re.compile(_STORED), "{how}nter {it} {where}"),
    (re.compile(r"(?<=, and )(?P<how>s)ave (?P<it>it|them) in “[^”]*”"), "{how}nter {it} {where}"),
)
_FULL = re.compile(r"“chorus-upload (?!-)(?=[a-z])")
_configuration: Path | None = None


def use_configuration(file: Path | None) -> None:
    """The file that commands for a terminal name from now on; None: no configuration is open."""
    global _configuration
    _configuration = file


def in_window(text: str, credential: str = THE_PAGE) -> str:
    """A text for people, with what the window has in place of commands.  ``credential``: where a new one is entered, as words after "enter it"."""
    if "“" not in text and "--" not in text and " -c " not in text:
        return text  # most texts, and nearly every cell of a table
    for pattern, words in _SENTENCES:
        text = pattern.sub(words, text)
    for pattern, words in _ENTERED:
        text = pattern.sub(
            lambda found, words=words: words.format(how="E" if found["how"] == "S" else "e", it=found["it"], where=credential), text
        )
    text = _COMMAND.sub(_command, text)
    if "“chorus-upload " in text and _configuration is not None:
        text = _FULL.sub(lambda _: f"“chorus-upload -c {argument(str(_configuration))} ", text)
    return text


def in_cell(text: str) -> str:
    """A cell of a table: the same, but only of a sentence.  A path, a reason and a name stay as they are, whatever words they have."""
    return in_window(text) if text.endswith(".") else text


def _command(found: re.Match[str]) -> str:
    name, whole = found["command"], found[0]
    if not found["whole"] and (" " not in name or not _ARGUMENTS.fullmatch(found["rest"] or "")):
        return whole
    words = COMMANDS[name]
    if found["run"]:
        return f"{found['run'][0].replace('R', 'U').replace('r', 'u')}se {words}"
    before = found.string[: found.start()]
    return f"{words[0].upper()}{words[1:]}" if not before or before.endswith((". ", "\n")) else words
