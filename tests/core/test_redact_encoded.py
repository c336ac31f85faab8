"""A signature is a secret in every encoding, and a name of the store is a path only where it stays one."""

from __future__ import annotations

import itertools
import json
import time

import pytest

from chorus_gui.core.config.load import check
from chorus_gui.core.redact import redact
from chorus_gui.core.storage.names import outside, reserved

ENCODED = ("?sig=CANARY", "&sig=CANARY", "x%26sig%3DCANARY", "%3Fsig%3DCANARY", "x%2526sig%253DCANARY", "?sig%3dCANARY", "?SIG%3DCANARY&x")


@pytest.mark.parametrize("text", ENCODED)
def test_no_encoding_shows_a_signature(text: str) -> None:
    assert "CANARY" not in redact(f"az://site/x{text}")


@pytest.mark.parametrize("text", ["&sig=", "\0sig=", "\nsig=", "\x1bsig=", "\u202esig=", "\U0001f600sig="])
def test_no_escape_in_front_shows_a_signature(text: str) -> None:
    """An error's text is often somebody's ``repr`` or JSON."""
    assert "CANARY" not in redact(repr(f"a{text}CANARY"))
    assert "CANARY" not in redact(json.dumps(f"a{text}CANARY"))
    assert "CANARY" not in redact(repr(f"a{text}CANARY".encode()))


@pytest.mark.parametrize("sign", ["=", "\\u003d", "\\u003D", "&#61;", "&#x3d;", "%3D"])
def test_no_spelling_of_the_sign_shows_a_signature(sign: str) -> None:
    assert "CANARY" not in redact(f"https://x/c?sv=1\\u0026sig{sign}CANARY")


@pytest.mark.parametrize("name", ["sas_token", "azure_account_key", "connection_string", "aws_secret_access_key"])
def test_a_secret_in_json_within_json_is_not_shown(name: str) -> None:
    text = json.dumps({name: "CANARY", "b": 1})
    for _ in range(3):
        assert "CANARY" not in redact(text)
        text = json.dumps(text)


KINDS = ("sig=", "AccountKey=", "azure_account_key = ", "Authorization: SharedKey acct:", "aws_secret_access_key=", "x-amz-signature=")


@pytest.mark.parametrize(("first", "second"), list(itertools.permutations(KINDS, 2)))
def test_a_secret_does_not_hide_the_name_of_the_next(first: str, second: str) -> None:
    assert redact(f"a {first}CANARY1.{second}CANARY2 b").count("CANARY") == 0


def test_redaction_takes_no_longer_than_the_text_is_long() -> None:
    for part in ("sas_token\\", "sig", "\\n", "authorization: \\", "%26sig%25", "\\u0026sig"):
        began = time.process_time()
        redact(part * 20_000)
        assert time.process_time() - began < 4, part  # a tenth; it would take minutes


@pytest.mark.parametrize("text", ENCODED)
def test_no_path_may_have_one(text: str, tmp_path: object) -> None:
    from pathlib import Path

    found = check(f'[central_path]\npath = "az://site/x{text}"\n', Path(str(tmp_path)) / "config.toml", environ={})
    assert any(fault.problem == "The path contains a SAS token." for fault in found.faults)
    assert "CANARY" not in "".join(map(str, found.faults))


@pytest.mark.parametrize("name", ["aux", "NUL.txt", "com1", "con.tar.gz", "a.", "a ", "x/lpt9.csv/y", "a?b", "a|b"])
def test_names_that_windows_changes_are_refused(name: str) -> None:
    assert reserved(name)
    assert reserved("auxiliary/console.txt") == ""


@pytest.mark.parametrize(
    "name", ["a/C:/Windows/evil.dll", "C:evil", "x:y", "\\\\srv\\share\\x", "D:\\Windows\\x", "a\\..\\..\\evil", "../../evil", "/evil"]
)
def test_names_that_leave_the_folder_are_refused(name: str) -> None:
    assert outside(name, windows=True)


LONG = "c2VjcmV0Q0FOQVJZc2VjcmV0Q0FOQVJZ"


@pytest.mark.parametrize(
    "text",
    [
        "sv=1&%73ig={}", "sv=1&s%69g={}", "sv=1&si%2567={}", "sig%252525252525253D{}", "sig ={}", "sig%20={}", "_sig={}", "sig=\n{}", "sig: {}",
        "sig\u200b={}", "sig\uff1d{}", "sig\\x3d{}", "sig&#x3d{}", "sig&equals;{}", "{{'sig': '{}'}}", '{{"sig": "{}"}}', "sig='{}'", "('sig', '{}')",
        '{{\\"sig\\": \\"{}\\"}}', "AccountKey%3D{}", "AccountKey='{}'", '{{"AccountKey": "{}"}}', "AZURE_STORAGE_KEY={}",
    ],
)  # fmt: skip
def test_no_way_to_write_a_name_and_its_value_shows_a_secret(text: str) -> None:
    assert LONG not in redact(text.format(LONG))


@pytest.mark.parametrize(
    "text",
    ["design=abcdefghijklmnopqrstuvwxyz", "Insignia: abcdefghijklmnopqrstuv", "sig, and then", "AccountKey: is missing", "Sig. Nr. 5"],
)
def test_words_with_those_letters_stay(text: str) -> None:
    assert redact(text) == text


AWS_VALUES = ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "IQoJb3JpZ2luX2VjEXAMPLETOKEN//////////wEaCXVz==")


@pytest.mark.parametrize("value", AWS_VALUES)
@pytest.mark.parametrize(
    "text",
    [
        '"SecretAccessKey": "{}"',
        "{{'secretAccessKey': '{}'}}",
        "<SecretAccessKey>{}</SecretAccessKey>",
        "<SessionToken>{}</SessionToken>",
        "sessionToken={}",
        "%22SecretAccessKey%22%3A%22{}%22",
        "x-amz-security-token: {}",
        "('x-amz-security-token', '{}')",
        "x-amz-sso_bearer_token: {}",
        '"accessToken": "{}"',
        '"refreshToken":"{}"',
        '"clientSecret": "{}"',
        "aws_security_token = {}",
        "--secret-access-key {}",
        "AWS secret access key: {}",
    ],
)
def test_what_the_aws_tools_print_of_keys_is_not_shown(text: str, value: str) -> None:
    """The answers of a credential program, of AWS's services and of its sign-in, and the headers of a request."""
    for shown in (text.format(value), repr(text.format(value)), json.dumps(text.format(value))):
        assert value[:8] not in redact(shown)
        assert value[-8:] not in redact(shown)


@pytest.mark.parametrize(
    "text",
    [
        "aws_session_token requires aws_access_key_id and aws_secret_access_key.",
        "The session token has expired. Sign in again.",
        "“AWS secret access key” is empty.",
        "in session_token_was_read_by_nobody, line 3",
    ],
)
def test_sentences_about_keys_stay(text: str) -> None:
    assert redact(text) == text
