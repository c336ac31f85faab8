"""The first-start assistant: a site's configuration, step by step.  Nothing is written before its end."""

from chorus_gui.ui.assistant.dialog import Assistant

__all__ = ["Assistant"]
