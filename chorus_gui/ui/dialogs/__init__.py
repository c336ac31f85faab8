"""Dialogs of the pages: they ask, and hand the answer back; none of them knows the session."""
