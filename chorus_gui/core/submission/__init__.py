"""The steps put together into what a person asks for: review the site, record, submit, upload, verify, mark, undo."""
