"""What is left of a text and of a log record when its secrets are gone: everything else, as it was."""

from __future__ import annotations

import logging
import sys
from types import TracebackType

import pytest

from chorus_gui.core.redact import MASK, RedactingFilter, redact

TOKEN = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJDQU5BUlkifQ.CANARYCANARY"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("nothing to hide", "nothing to hide"),
        ("?sv=1&sig=CANARY&se=2", f"?sv=1&sig={MASK}&se=2"),
        ("sig=CANARY", f"sig={MASK}"),
        ("&sig=CANARY1 and &sig=CANARY2 end", f"&sig={MASK} and &sig={MASK} end"),
        (f"authorization: Bearer {TOKEN} end", f"authorization: Bearer {MASK} end"),
        ("Authorization: SharedKey account:CANARY= end", f"Authorization: SharedKey {MASK} end"),
        ("Authorization: SharedKeyLite account:CANARY= end", f"Authorization: SharedKeyLite {MASK} end"),
        (f"a token {TOKEN} end", f"a token {MASK} end"),
        (TOKEN, MASK),  # a text that is all secret shows that there was one
        # the name of the second is in what the first takes for its value: one mask, and nothing of either
        ("&sig=x&AccountKey=CANARY;end", f"&sig={MASK}&AccountKey={MASK};end"),
        ("&sig=AccountKey=CANARY;end", f"&sig={MASK};end"),
    ],
)
def test_only_the_secret_is_replaced(text: str, shown: str) -> None:
    assert redact(text) == shown


def filtered(message: object, *args: object, exc: tuple[type, BaseException, TracebackType | None] | None = None) -> logging.LogRecord:
    record = logging.LogRecord("name", logging.INFO, "file.py", 1, message, args, exc)
    assert RedactingFilter().filter(record) is True
    return record


def raised() -> tuple[type, BaseException, TracebackType | None]:
    try:
        raise ValueError("refused: ?sig=CANARY")
    except ValueError:
        found = sys.exc_info()
        assert found[0] is not None
        return found


def test_a_secret_that_only_the_arguments_complete_is_not_logged() -> None:
    record = filtered("%s=%s", "&sig", "CANARY")
    assert (record.getMessage(), record.args) == (f"&sig={MASK}", None)


def test_a_per_cent_sign_that_is_left_is_no_argument() -> None:
    assert filtered("%s", "100 %s").getMessage() == "100 %s"


def test_a_traceback_is_logged_without_its_secrets() -> None:
    record = filtered("failed", exc=raised())
    assert record.exc_text is not None
    assert "ValueError: refused" in record.exc_text
    assert "CANARY" not in logging.Formatter().format(record)


def test_a_traceback_that_another_handler_wrote_is_cleaned_too() -> None:
    record = logging.LogRecord("name", logging.INFO, "file.py", 1, "failed", (), raised())
    logging.Formatter().format(record)
    assert "CANARY" in str(record.exc_text)
    RedactingFilter().filter(record)
    assert "refused" in str(record.exc_text)
    assert "CANARY" not in logging.Formatter().format(record)


def test_a_stack_is_logged_without_its_secrets() -> None:
    record = logging.LogRecord("name", logging.INFO, "file.py", 1, "here", (), None, sinfo="Stack:\n  get('?sig=CANARY')")
    RedactingFilter().filter(record)
    assert "Stack:" in str(record.stack_info)
    assert "CANARY" not in logging.Formatter().format(record)


def test_a_record_without_a_traceback_gets_none() -> None:
    record = filtered("plain")
    assert (record.exc_text, record.stack_info) == (None, None)


def test_no_line_of_a_message_can_be_taken_for_another_record() -> None:
    assert filtered("name\n2026-01-02 03:04 INFO all is well").getMessage() == "name\n  2026-01-02 03:04 INFO all is well"
    assert filtered("two\nlines").getMessage() == "two\nlines"
