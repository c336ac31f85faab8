"""The doctor: what is wrong, or soon will be, with a site's set-up.

One module a subject, one check a function from a :class:`~.model.Case` to findings.  It changes nothing, but for the zero-byte blob
that a test of writing leaves for a moment.
"""
