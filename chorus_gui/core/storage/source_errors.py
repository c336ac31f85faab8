"""What can be wrong with one file of a site in a cloud, as errors that are the same for every service."""

from __future__ import annotations

from chorus_gui.core.errors import SourceChangedError, SourceUnreadableError, SourceVanishedError, StoreError


def vanished(path: str) -> SourceVanishedError:
    """The file was there when the site was scanned."""
    return SourceVanishedError(
        f"“{path}” is no longer on the site.", remedy="Scan again. The review then shows what changed, and what to do."
    )


def replaced(path: str) -> SourceChangedError:
    """Another version of the file was written while one was read."""
    return SourceChangedError(f"“{path}” was replaced while it was being read.", remedy="Scan again.")


def unreadable(path: str, error: StoreError) -> SourceUnreadableError:
    """The service refused this file, with ``error``."""
    return SourceUnreadableError(f"Could not read “{path}”. {error.what}", meaning=error.meaning, remedy=error.remedy)


def unlisted(url: str, error: StoreError) -> SourceUnreadableError:
    """The service refused to list the place ``url``, with ``error``."""
    return _refused(f"Could not list {url}. {error.what}", error, error.remedy)


def without_inventory(address: str, error: StoreError) -> SourceUnreadableError:
    """The service refused the lists of the S3 Inventory at ``address``, with ``error``: they can be in another bucket than the files."""
    other = "aws_inventory in the configuration names the place of the lists. Without this key, the bucket with the files is listed."
    return _refused(f"Could not read the S3 Inventory {address}. {error.what}", error, f"{error.remedy} {other}")


def _refused(what: str, error: StoreError, remedy: str) -> SourceUnreadableError:
    made = SourceUnreadableError(what, meaning=error.meaning, remedy=remedy)
    made.why = error.why
    return made
