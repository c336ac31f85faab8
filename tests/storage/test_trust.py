"""Everything in a process believes the system's trust store, whenever a library is imported; and no library is imported for that."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import sys
{before}
from chorus_gui.core.storage.http.trust import use_system_trust
use_system_trust()
print(sorted({{"requests", "urllib3"}} & sys.modules.keys()))
import ssl, requests.adapters, truststore, urllib3.util.ssl_
assert ssl.SSLContext is urllib3.util.ssl_.SSLContext is truststore.SSLContext
for made in (ssl.create_default_context(), urllib3.util.ssl_.create_urllib3_context(), getattr(requests.adapters, "_preloaded_ssl_context", None)):
    assert made is None or type(made) is truststore.SSLContext, made
requests.Session()
"""


@pytest.mark.parametrize("before", ["", "import urllib3", "import requests", "import ssl; taken = ssl.SSLContext"])
def test_a_library_believes_the_system_whenever_it_is_imported(before: str) -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", CODE.format(before=before)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (done.stdout.strip() == "[]") is (before in ("", "import ssl; taken = ssl.SSLContext"))
