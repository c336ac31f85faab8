"""The commands, for terminals and schedulers; they do the same as the window."""
