"""Run by the kill test: ``chorus-upload`` with a store that takes a moment for each file and writes down what it was sent."""

from __future__ import annotations

import sys
import time

from chorus_gui.cli.main import main
from chorus_gui.core.storage.local import LocalStore

seconds, record, *arguments = sys.argv[1:]
put, write = LocalStore.put, LocalStore.write


def slow_put(self, path, data, **options):
    time.sleep(float(seconds))
    with open(record, "a", encoding="utf-8") as out:
        out.write(path + "\n")
    return put(self, path, data, **options)


def slow_write(self, path, content, **options):
    time.sleep(float(seconds))
    with open(record, "a", encoding="utf-8") as out:
        out.write(path + "\n")
    return write(self, path, content, **options)


LocalStore.put, LocalStore.write = slow_put, slow_write  # type: ignore[method-assign]
raise SystemExit(main(arguments, own_process=True))
