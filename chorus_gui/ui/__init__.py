"""The window: it renders a state, emits intents, and leaves the work to :mod:`chorus_gui.app`."""
