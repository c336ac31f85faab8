"""Where the samples lie."""

from pathlib import Path

SAMPLES = Path(__file__).parent.parent / "data" / "journals"
MD5 = "0123456789abcdef0123456789abcdef"
