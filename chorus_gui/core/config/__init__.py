"""``config.toml``: two layouts of one file, read into one resolved model."""
