"""Scripts and lists for sites that send with Microsoft's own tools.

:mod:`.plan` decides which files go together, :mod:`.access` how the tools are let in, :mod:`.batch` and :mod:`.shell` how text is
quoted for cmd and bash, :mod:`.generate` fills the templates in ``resources/scripts``, :mod:`.ready` is what a running script asks.
"""
