"""What the kept receipts say about one version: its last verification."""

from __future__ import annotations

from dataclasses import replace

from chorus_gui.app.values import ReceiptFacts, WrongFacts
from chorus_gui.app.words import plural

SENDS = ("submission", "upload", "repair")
"""The kinds of receipts of runs that upload."""


def verification(receipts: tuple[ReceiptFacts, ...], version: str, wrong: WrongFacts | None = None) -> ReceiptFacts | None:
    """The last verification of a version since its last upload: it decides, clean or not.  A receipt without versions is of all.

    A receipt of several versions does not say in which of them a file differs: ``wrong`` does.
    """
    repaired = False
    for receipt in receipts:
        if receipt.kind == "verify" and receipt.partial and receipt.clean:
            continue  # a part that matches says nothing about the version
        if receipt.kind == "verify" and (version in receipt.versions or not receipt.versions):
            return None if repaired and not receipt.clean else _of_version(receipt, version, wrong)
        if receipt.kind == "repair" and receipt.clean and not receipt.uploaded.files:
            repaired = True  # it found nothing to repair, and changed nothing
            continue
        if receipt.kind in SENDS and version in receipt.versions:
            return None
    return None


def _of_version(receipt: ReceiptFacts, version: str, wrong: WrongFacts | None) -> ReceiptFacts:
    """The receipt, clean if all that it found wrong is in other versions, or was repaired there."""
    only_differs = receipt.differing and receipt.failures == receipt.differing and not receipt.unchecked and not receipt.partial
    if only_differs and len(receipt.versions) > 1 and (wrong is None or version not in wrong.versions):
        return replace(receipt, clean=True, failures=0, differing=0)
    return receipt


def failed_verification(receipt: ReceiptFacts) -> str:
    """Why a verification is not clean, as a sentence."""
    if receipt.failures:
        return f"The verification found {plural(receipt.failures, 'file')} that {'differs' if receipt.failures == 1 else 'differ'}."
    if receipt.unchecked:
        return f"The verification could not check {plural(receipt.unchecked, 'file')}."
    return "The last verification did not finish."
