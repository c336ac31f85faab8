"""What ``ChorusUpload.exe`` runs."""

from chorus_gui.__main__ import entry

if __name__ == "__main__":
    entry()
