"""A saved receipt for others: as a short message for a mail to the central team, and as a page to be made a PDF.

The message has counts and results, and no name of a file, a patient or a folder of the site.  The page is the receipt as it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from chorus_gui.app.receipts import PAPER, TITLES, VERIFIED_BY, headline, to_html
from chorus_gui.app.words import agree, files, moment, plural, size
from chorus_gui.core.errors import UsageError
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import MODALITIES, Tally
from chorus_gui.core.receipt import Receipt, from_json
from chorus_gui.core.redact import redact
from chorus_gui.core.shown import one_line

if TYPE_CHECKING:
    from chorus_gui.app.values import ReceiptFacts
    from chorus_gui.core.config.model import Config

__all__ = ["last_message", "message", "message_of", "paper_of"]


def message(receipt: Receipt) -> str:
    """The message: plain text, a fact on each line.  It has what a receipt says of a run as a whole, so it can be sent by mail."""
    of = f" of {'version' if len(receipt.versions) == 1 else 'versions'} {', '.join(receipt.versions)}" if receipt.versions else ""
    lines = [f"CHoRUS {TITLES.get(receipt.kind, receipt.kind).lower()}{of}: {headline(receipt)}"]
    lines.append(f"Central store: {redact(receipt.central_url)}" if "://" in receipt.central_url else "Central store: a folder")
    if receipt.changed:
        lines.append(f"Recorded: {', '.join(one.text for one in receipt.changed)}")
    if receipt.kind in ("submission", "upload", "repair"):
        lines.append(f"Uploaded: {_by_modality(receipt)}")
    if check := receipt.verification:
        differ = (
            f"{files(check.differing)} {agree(check.differing, 'differs', 'differ')}"
            if check.differing
            else agree(check.checked.files, "it matches", "all match")
        )
        compared = f"{files(check.checked.files)}, {VERIFIED_BY[check.level]}: {differ}" if check.checked.files else "no files"
        lines.append(f"Compared with the journal: {compared}{'. Other files were not compared.' if check.partial else ''}")
        if check.unchecked_files:
            lines.append(f"Could not be checked: {files(check.unchecked_files)}")
        if check.extra_files:
            lines.append(f"In the central store and not in the journal: {files(check.extra_files)}")
    if left := _left_out(receipt):
        lines.append(f"Not submitted: {', '.join(left)}")
    if receipt.complete:
        lines.append(f"Complete: {', '.join(receipt.complete)}. Every approved file is in the central store.")
    lines += [f"SHA-256 of the completion marker of {version}: {digest}" for version, digest in receipt.markers.items()]
    lines.append(f"Ended: {moment(receipt.ended_us)}, with CHoRUS Upload {receipt.app_version}")
    return "".join(f"{one_line(line)}\n" for line in lines)


def _by_modality(receipt: Receipt) -> str:
    sent = receipt.uploaded
    names = [name for name in MODALITIES if name in sent] + sorted(set(sent) - set(MODALITIES))
    parts = [f"{name} {sent[name].files:,}" for name in names if sent[name].files]
    total = sum(sent.values(), Tally())
    return f"{files(total.files)}, {size(total.bytes)}" + (f": {', '.join(parts)}" if parts else "")


def _left_out(receipt: Receipt) -> list[str]:
    """What of the site is not in the central store after this run, as counts."""
    failed, held = len(receipt.failures), len(receipt.held_back)
    return [
        *([f"{files(failed)} failed"] if failed else []),
        *([f"{plural(receipt.problems, 'problem')} on the site"] if receipt.problems else []),
        *([f"{files(held)} held back"] if held else []),
        *([f"{files(receipt.unmatched)} unmatched"] if receipt.unmatched else []),
    ]


def message_of(data: Path) -> str:
    """The message about a saved receipt; ``data`` is its JSON.  Raises :class:`UsageError`."""
    return message(_read(data))


def paper_of(data: Path) -> str:
    """A saved receipt as a page that :class:`QTextDocument` can lay out.  Raises :class:`UsageError`."""
    return to_html(_read(data), PAPER)


def _read(data: Path) -> Receipt:
    try:
        return from_json(data.read_text("utf-8"))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is not a text file"
        raise UsageError(f"Could not read the receipt “{data}”: {why}.", remedy="Choose another receipt.") from error


def last_message(config: Config, version: str | None, ctx: JobContext) -> tuple[str, ReceiptFacts]:
    """The message about the journal's last run that left a receipt (of ``version``), and that receipt.  Raises :class:`UsageError`."""
    from chorus_gui.app.facts import receipts

    found = next((one for one in receipts(config, ctx) if version is None or version in one.versions), None)
    if found is None:
        what = f"version {version}" if version else "this journal and central store"
        raise UsageError(f"No run of {what} has left a receipt on this computer.", remedy="Run “chorus-upload submit” first.")
    return message_of(found.data), found
