"""Receipts: the page about a run that a coordinator keeps, the same as text and as JSON, and the files that they are saved in.

The page names patients only in the list of failures: held-back files are counted by reason.  The JSON names them too; both
files are readable by this user alone.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import socket
import textwrap
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from chorus_gui import __version__
from chorus_gui.app.readiness_report import receipt_lines
from chorus_gui.app.this_store import store_name
from chorus_gui.app.what_changed import for_receipt
from chorus_gui.app.words import KINDS as KIND_WORDS
from chorus_gui.app.words import agree, duration, files, files_and_size, moment, plural, size
from chorus_gui.core.config.model import Config
from chorus_gui.core.errors import ReviewError, UsageError
from chorus_gui.core.folders import resource, user_name
from chorus_gui.core.job import OutcomeKind
from chorus_gui.core.model import MODALITIES, ChangeKind, Level, Tally, Transfers
from chorus_gui.core.receipt import ChangedPart, HeldBack, Receipt, Unread, Verification, from_json, to_json
from chorus_gui.core.review.values import Query, Reviewed
from chorus_gui.core.submission.run_result import RunResult
from chorus_gui.core.untrusted import instant_us

if TYPE_CHECKING:
    import jinja2

__all__ = ["PROOFS", "TITLES", "Receipt", "from_json", "headline", "make_receipt", "save", "to_html", "to_json", "to_text"]

NAMED = 1000
"""Files and folders that the page names under one heading; the JSON has them all."""
PAPER = "receipt/paper.css"
"""The style of the page where only the simple part of CSS is understood."""
EXTRA_SHOWN = 5
"""Files in the store that no row explains, and that the page names; the JSON has them all."""
KINDS = (ChangeKind.ADDED, ChangeKind.UPDATED, ChangeKind.MOVED, ChangeKind.RESTORED, ChangeKind.DELETED)
TITLES = {
    "submission": "Submission",
    "record": "Recording",
    "upload": "Upload",
    "verify": "Verification",
    "repair": "Repair",
    "mark": "Marking",
    "undo": "Undo",
}
OUTCOMES = {
    OutcomeKind.DONE: "Complete",
    OutcomeKind.CANCELLED: "Stopped on request",
    OutcomeKind.FAILED: "Stopped by an error",
    OutcomeKind.CRASHED: "Stopped by a program error",
}
PROOFS = {
    Level.TRANSPORT: "acknowledged by the store during the upload, checksum included",
    Level.PROPERTIES: "size and MD5 in the store match the journal",
    Level.REREAD: "downloaded again, and the content matches the journal",
}
VERIFIED_BY = {
    Level.TRANSPORT: "by their checksums during the upload",
    Level.PROPERTIES: "by size and MD5",
    Level.REREAD: "by downloading and hashing every file",
}


def make_receipt(
    config: Config,
    log: RunResult,
    kind: str,
    outcome: OutcomeKind,
    reviewed: Reviewed | None = None,
    verification: Verification | None = None,
) -> Receipt:
    """The receipt of a run that ended now; ``kind`` as :class:`Receipt` has it, ``reviewed`` the review that it recorded."""
    from chorus_gui.core.review.changes import held_lines, recorded, stream, summed
    from chorus_gui.core.review.parts import what_changed
    from chorus_gui.core.review.staging import Staging

    held: tuple[HeldBack, ...] = ()
    listed: set[tuple[str, str]] = set()
    unread: tuple[Unread, ...] = ()
    changed: tuple[ChangedPart, ...] = ()
    diff_hash, notes, problems, unmatched = "", (), None, None
    if reviewed is not None:
        notes, problems, unmatched = (
            reviewed.summary.notes,
            reviewed.summary.total(ChangeKind.PROBLEM).files,
            reviewed.summary.total(ChangeKind.UNMATCHED).files,
        )
        try:
            with Staging.open(reviewed.path) as staging:
                unread = tuple(Unread(c.modality, c.path, c.note) for c in stream(staging, Query(kinds=(ChangeKind.PROBLEM,))))
                lines = list(held_lines(staging))
                listed = {(modality, path) for modality, path, _, _ in lines}
                held = tuple(HeldBack(modality, path, reason) for modality, path, reason, old in lines if not old)
                approval: dict[str, str] = staging.get("approval") or {}
                diff_hash = approval.get("diff_hash", "")
                if recorded(staging) == summed(log.entered):  # otherwise an earlier run has recorded a part of it
                    changed = for_receipt(what_changed(staging, done=True))
        except ReviewError:
            notes = (*notes, "The review no longer exists, so the held-back changes are not listed.")
    held += tuple(HeldBack(*key, hold.reason) for key, hold in log.held.items() if key not in listed)
    moved = log.transfers
    return Receipt(
        kind=kind,
        site=" · ".join(dict.fromkeys(config.sites[name].place.text for name in config.modalities)),
        central_url=config.central.text,
        journal=str(config.journal.local),
        versions=tuple(sorted(log.versions | log.recorded | set(log.looked_at)))
        or ((log.version,) if log.version and (log.entered or log.failures or verification) else ()),
        started_us=log.started_us,
        ended_us=time.time_ns() // 1000,
        user=user_name(),
        host=socket.gethostname(),
        app_version=__version__,
        by_modality=log.entered,
        uploaded=log.uploaded,
        sent_files=moved.sent.files,
        sent_bytes=moved.network_bytes,
        reused_bytes=moved.reused_bytes,
        fetched_files=moved.fetched.files,
        fetched_bytes=moved.fetched.bytes,
        copied_files=moved.copied.files,
        copied_bytes=moved.copied.bytes,
        found_files=moved.found.files,
        found_bytes=moved.found.bytes,
        renamed=dict(log.renamed),
        modalities=log.modalities,
        unread=unread,
        complete=tuple(log.complete),
        markers=dict(log.markers),
        duration_s=round(log.seconds, 3),
        proofs=dict(log.proofs),
        failures=tuple(log.failures),
        held_back=held,
        problems=problems,
        unmatched=unmatched,
        diff_hash=diff_hash,
        verification=verification,
        notes=(*notes, *log.notes),
        outcome=outcome,
        policy=log.policy,
        checked=log.checked,
        accepted=tuple(log.accepted),
        changed=changed,
        wrong_files=log.wrong_files,
        file_list=log.ways.facts(),
        store=store_name(config.central),
    )


def headline(receipt: Receipt) -> str:
    """How the run ended, in a few words."""
    text = OUTCOMES[receipt.outcome]
    check, said = receipt.verification, list[str]()
    if receipt.failures:
        said.append(f"{files(len(receipt.failures))} failed")
    if receipt.wrong_files:
        said.append(f"{files(receipt.wrong_files)} missing or different in the central store")
    if check and check.differing:
        said.append(f"{files(check.differing)} {'differs' if check.differing == 1 else 'differ'}")
    if check and check.unchecked_files:
        said.append(f"{files(check.unchecked_files)} could not be checked")
    return ", ".join([text, *said] if receipt.outcome is not OutcomeKind.DONE else said or [text])


COLUMNS = ("added", "updated", "renamed", KIND_WORDS[ChangeKind.MOVED], KIND_WORDS[ChangeKind.RESTORED], "deleted")


class _Line(NamedTuple):
    """One line of the table of changes: a number for each of :data:`COLUMNS`, and what was uploaded."""

    name: str
    kinds: tuple[int, ...]
    uploaded: Tally


def _numbers(receipt: Receipt, modality: str) -> tuple[int, ...]:
    """A renamed file is counted once, not as an added and a deleted one."""
    added, updated, moved, restored, deleted = (receipt.by_modality.get(modality, {}).get(kind, Tally()).files for kind in KINDS)
    renamed = min(receipt.renamed.get(modality, Tally()).files, added, deleted)
    return (added - renamed, updated, renamed, moved, restored, deleted - renamed)


def _table(receipt: Receipt) -> list[_Line]:
    """A line for each modality that took part, and a total if there are several."""
    present = [*receipt.by_modality, *receipt.uploaded]
    names = [m for m in MODALITIES if m in present] + sorted(set(present) - set(MODALITIES))
    lines = [_Line(m, _numbers(receipt, m), receipt.uploaded.get(m, Tally())) for m in names]
    if len(lines) > 1:
        columns = tuple(sum(line.kinds[i] for line in lines) for i in range(len(COLUMNS)))
        lines.append(_Line("Total", columns, sum((line.uploaded for line in lines), Tally())))
    return lines


def _facts(receipt: Receipt) -> list[tuple[str, str]]:
    """What the head of the page says, in its order."""
    facts = [
        ("Site", receipt.site),
        ("Central store", receipt.central_url),
        ("Journal", receipt.journal),
        ("Version" if len(receipt.versions) < 2 else "Versions", ", ".join(receipt.versions) or "none"),
        *([("Modalities", ", ".join(receipt.modalities))] if receipt.modalities else []),
        *([("Recorded", ", ".join(one.text for one in receipt.changed))] if receipt.changed else []),
        ("Started", moment(receipt.started_us)),
        ("Ended", f"{moment(receipt.ended_us)} ({duration(receipt.seconds)})"),
        ("By", f"{receipt.user} on {receipt.host}"),
        *([("Approved by", f"policy “{receipt.policy.name}”, SHA-256 {receipt.policy.sha256}")] if receipt.policy else []),
    ]
    if receipt.kind in ("submission", "upload", "repair"):
        facts.append(("Uploaded", uploaded_text(receipt.transfers)))
    elif receipt.found_files:
        facts.append(("Found in the store", f"{files(receipt.found_files)}, {size(receipt.found_bytes)}"))
    if receipt.file_list:
        where = f"on {receipt.host}, in the file next to the receipt whose name ends in “{LIST}”"
        listed = f"{files(receipt.file_list.files)}, each with the way that it went: {where}"
        facts.append(("List of files", f"{listed} (CSV, compressed)"))
    failed = receipt.transfers.failed
    if failed.files:
        facts.append(("Failed", f"{files(failed.files)}, {size(failed.bytes)}"))
    if receipt.complete:
        facts.append(("Complete", f"{', '.join(receipt.complete)}: every approved file is in the central store"))
    if receipt.problems is not None:
        facts.append(("Problems on the site", f"{receipt.problems:,}" if receipt.problems else "none"))
    if receipt.unmatched is not None:
        facts.append(("Unmatched", files(receipt.unmatched)))
    return facts


def uploaded_text(moved: Transfers) -> str:
    """What was uploaded, and how: “10 files, 721.7 kB: 9 files (589.5 kB) sent, 1 file (132.2 kB) copied inside the store”."""
    fetched = (moved.fetched, "read by the central store from the site's cloud")
    parts = [(moved.sent, "sent"), fetched, (moved.copied, "copied inside the store"), (moved.found, "found there")]
    said = [f"{files(tally.files)} ({size(tally.bytes)}) {how}" for tally, how in parts if tally.files]
    text = f"{files(moved.uploaded.files)}, {size(moved.uploaded.bytes)}"
    if moved.fetched.files or moved.copied.files or moved.found.files:
        text = f"{text}: {', '.join(said)}"
    return f"{text}; {size(moved.reused_bytes)} of it had been sent by an interrupted upload" if moved.reused_bytes else text


_Group = tuple[str, str, list[str]]
"""A cause, a remedy, and the paths"""


def _problems(receipt: Receipt) -> list[tuple[str, list[_Group]]]:
    """Everything that is wrong, under its heading: what failed is not what differs, and not a problem on the site, or what could not be checked."""
    check = receipt.verification
    failed = [(f.cause, f.remedy, f"{f.item.modality}: {f.item.path}") for f in receipt.failures]
    unread = [(u.cause, "", f"{u.modality}: {u.path}" if u.modality else u.path) for u in receipt.unread]
    differing = [(f.cause, "", f"{f.modality}: {f.path}") for f in (check.faults if check else ())]
    unchecked = [(f.cause, "", f"{f.modality}: {f.path}") for f in (check.unchecked if check else ())]
    parts = (
        ("Failed", failed, len(failed)),
        ("Problems on the site", unread, len(unread)),
        ("Missing or different", differing, check.differing if check else 0),
        ("Could not be checked", unchecked, check.unchecked_files if check else 0),
    )
    return [
        (f"{title}: {plural(total, *(('file or folder', 'files or folders') if lines is unread else ('file',)))}", _grouped(lines, total))
        for title, lines, total in parts
        if lines
    ]


def _grouped(lines: list[tuple[str, str, str]], total: int) -> list[_Group]:
    """By cause; the JSON and the Verify page have those that the page does not name."""
    groups: dict[tuple[str, str], list[str]] = {}
    for cause, remedy, path in lines[:NAMED]:
        groups.setdefault((cause, remedy), []).append(path)
    out = [(cause, remedy, paths) for (cause, remedy), paths in groups.items()]
    return [*out, (f"And {total - NAMED:,} more.", "", [])] if total > NAMED else out


def _grouped_holds(receipt: Receipt) -> list[tuple[str, str, int]]:
    """Held-back files by modality and reason, without their names."""
    groups: dict[tuple[str, str], int] = {}
    for entry in receipt.held_back:
        key = (entry.modality, entry.reason or "no reason given")
        groups[key] = groups.get(key, 0) + 1
    return [(modality, reason, count) for (modality, reason), count in groups.items()]


def _proofs(receipt: Receipt) -> list[tuple[int, str]]:
    return [(receipt.proofs[level], PROOFS[level]) for level in Level if receipt.proofs.get(level)]


def _verified(receipt: Receipt) -> str:
    if receipt.verification is None:
        return ""
    check = receipt.verification
    said = [f"Compared {files_and_size(check.checked)} in the central store with the journal, {VERIFIED_BY[check.level]}."]
    if check.differing:
        right = check.checked.files - check.differing
        said.append(
            f"{files(right)} {agree(right, 'matches', 'match')}. {files(check.differing)} {agree(check.differing, 'differs', 'differ')}."
        )
    elif check.checked.files:
        said.append(agree(check.checked.files, "It matches.", "All match."))
    if check.unchecked_files:
        said.append(f"{files(check.unchecked_files)} could not be checked.")
    if check.extra_files:
        shown = ", ".join(check.extra[:EXTRA_SHOWN]) + (", …" if check.extra_files > EXTRA_SHOWN else "")
        said.append(f"{files(check.extra_files)} in the central store {agree(check.extra_files, 'is', 'are')} not in the journal: {shown}.")
    return " ".join(said)


@functools.cache
def page_template(name: str, style_file: str = "receipt/style.css") -> jinja2.Template:
    """The template of a page in ``resources/``, with the style that all pages share, or with another one."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    style = resource(style_file).read_text("utf-8")
    return environment.from_string(resource(name).read_text("utf-8").replace("/* style */", style))


def to_html(receipt: Receipt, style_file: str = "receipt/style.css") -> str:
    """The page: self-contained, nothing is downloaded, and it prints on one sheet if nothing failed.

    ``style_file``: for another reader than a browser, :data:`PAPER` for Qt's documents.
    """
    page = page_template("receipt/receipt.html", style_file)
    return page.render(
        receipt=receipt,
        headline=headline(receipt),
        title=f"{TITLES.get(receipt.kind, receipt.kind)} receipt",
        facts=_facts(receipt),
        columns=COLUMNS,
        table=_table(receipt),
        proofs=_proofs(receipt),
        verified=_verified(receipt),
        problems=_problems(receipt),
        holds=_grouped_holds(receipt),
        readiness=receipt_lines(receipt),
        size=size,
        files=files,
    )


def to_text(receipt: Receipt) -> str:
    """The same for a terminal or a mail: plain text, at most 80 columns wide except for longer names."""
    title = f"{TITLES.get(receipt.kind, receipt.kind)} receipt: {headline(receipt)}"
    lines = [title, "=" * min(len(title), 80), ""]
    lines += [_fill(value, f"{name + ':':<19}", " " * 19) for name, value in _facts(receipt)]
    table = _table(receipt)
    if table:
        lines += ["", f"{'':<10}" + "".join(f"{name:>{_width(name)}}" for name in COLUMNS) + f"{'uploaded':>16}"]
        for line, kinds, uploaded in table:
            sent = f"{uploaded.files:,} ({size(uploaded.bytes)})" if uploaded.files else "0"
            lines.append(
                f"{line:<10}" + "".join(f"{count:>{_width(name)},}" for name, count in zip(COLUMNS, kinds, strict=True)) + f"{sent:>16}"
            )
    proofs = [f"{files(count)}: {what}" for count, what in _proofs(receipt)]
    lines += _section("Confirmed", proofs)
    lines += _section("Verified", [_verified(receipt)] if receipt.verification else [])
    for title, groups in _problems(receipt):
        said: list[str] = []
        for cause, remedy, paths in groups:
            said += [f"{cause} {remedy}".strip(), *(f"    {path}" for path in paths)]
        lines += _section(title, said)
    lines += _section("Held back", [f"{modality}, {files(count)}: {reason}" for modality, reason, count in _grouped_holds(receipt)])
    lines += _section("Readiness", receipt_lines(receipt))
    lines += _section("Notes", list(receipt.notes))
    lines += ["", f"CHoRUS Upload {receipt.app_version}" + (f", approved review {receipt.diff_hash[:16]}" if receipt.diff_hash else "")]
    return "\n".join(lines) + "\n"


def _width(name: str) -> int:
    """The width of a column in the text: 54 for all of them."""
    return max(len(name) + 1, 8)


def _fill(text: str, first: str, further: str) -> str:
    return textwrap.fill(text, 80, initial_indent=first, subsequent_indent=further, break_long_words=False, break_on_hyphens=False)


def _section(title: str, entries: list[str]) -> list[str]:
    """A heading and its entries; an indented one is a path and is not wrapped."""
    if not entries:
        return []
    return ["", f"{title}:", *(entry if entry.startswith(" ") else _fill(entry, "  ", "    ") for entry in entries)]


def last_hash(folder: Path, journal: str) -> str:
    """SHA-256 of the newest receipt of this journal in the folder, "" if there is none: a receipt names the one before it."""
    for data in sorted(folder.glob("*.json"), key=lambda file: (file.name[:16], file.stat().st_mtime_ns), reverse=True)[:50]:
        with suppress(OSError, UsageError, UnicodeDecodeError):
            content = data.read_bytes()
            if from_json(content.decode("utf-8")).journal == journal:
                return hashlib.sha256(content).hexdigest()
    return ""


LIST = ".files.csv.gz"
"""The end of the name of the list of files, after the name of the receipt."""


def save_all(receipt: Receipt, folder: Path, listed: bytes) -> tuple[Receipt, Path]:
    """As :func:`save`, but a list of files that cannot be saved is left out.  Returns the receipt as it was saved, and its page's path."""
    try:
        return receipt, save(receipt, folder, listed)
    except OSError as error:
        if not listed:
            raise
        note = f"The list of files could not be saved: {error.strerror or error}."
        receipt = replace(receipt, file_list=None, notes=(*receipt.notes, note))
        return receipt, save(receipt, folder)


def save(receipt: Receipt, folder: Path, listed: bytes = b"") -> Path:
    """Write the page, and next to it the JSON and the list of files (``listed``), readable by this user alone; the page's path.

    Files are named by date and time (UTC), kind and version, so that they sort by time; none is ever overwritten.  Raises
    ``OSError``; then nothing of the receipt is left.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    at = f"{instant_us(receipt.ended_us) or datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    version = re.sub(r"[^A-Za-z0-9._-]", "_", receipt.versions[-1])[:60] if receipt.versions else "none"
    stem, count = f"{at}_{receipt.kind}_{version}", 1
    while (folder / f"{stem}.html").exists() or (folder / f"{stem}.json").exists():
        count += 1
        stem = f"{at}_{receipt.kind}_{version}_{count}"
    page, data = folder / f"{stem}.html", folder / f"{stem}.json"
    contents = {folder / f"{stem}{LIST}": listed} if listed else {}
    contents |= {data: to_json(receipt).encode(), page: to_html(receipt).encode()}
    begun: list[Path] = []
    try:
        for file, content in contents.items():
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            begun.append(file)
            with os.fdopen(handle, "wb") as out:
                out.write(content)
    except OSError:
        for file in begun:
            with suppress(OSError):
                file.unlink()
        raise
    return page
