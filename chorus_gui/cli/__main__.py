"""``python -m chorus_gui.cli``: the console program where no script of that name is installed."""

from chorus_gui.cli.main import entry

if __name__ == "__main__":
    entry()
