"""Sign files: ``SIGN_COMMAND`` is called with each as its last argument; without it nothing is signed.  ``signing.py FILE…`` does it by hand."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def sign(*files: Path) -> None:
    """The hook."""
    command = os.environ.get("SIGN_COMMAND")
    for file in files if command else ():
        assert command
        print(f"Signing {file.name}")
        # A Windows program parses its own command line, quotes included.
        subprocess.run(f'{command} "{file}"' if os.name == "nt" else [*shlex.split(command), str(file)], check=True)


def main(words: Sequence[str]) -> int:
    """Sign these files."""
    sign(*map(Path, words))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
