"""The doctor: what is wrong, or soon will be, with a setup.

One module per subject; each check is a function from a :class:`~.model.Case` to findings.  It changes nothing, except for the
zero-byte blob that a test of writing leaves for a moment.
"""
