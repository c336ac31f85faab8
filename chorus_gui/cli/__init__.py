"""The same steps as the window, for terminals and schedulers."""
