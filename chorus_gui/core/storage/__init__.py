"""Where bytes come from (:class:`~.base.Source`) and where they go (:class:`~.base.Store`)."""
