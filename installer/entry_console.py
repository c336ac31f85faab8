"""What ``chorus-upload.exe`` runs."""

from chorus_gui.cli.main import entry

if __name__ == "__main__":
    entry()
