"""Azure Blob storage behind the :class:`~chorus_gui.core.storage.base.Store` protocol.

``store.py`` the store · ``source.py`` a site whose files lie in a container · ``wire.py`` the hot path, replaceable ·
``lean_wire.py`` sends it over HTTP itself (:mod:`~chorus_gui.core.storage.http`): ``authorise.py`` signs, ``markup.py`` reads lists ·
``sdk_wire.py`` sends it by the SDK ·
``client.py`` the way into a container; the SDK's client and what it may log · ``login.py`` signing in, once for the process · ``login_policy.py`` its token
on each request · ``transport.py`` connections whose answers end · ``genuine_policy.py`` only the service's answers · ``pages.py`` listings that end ·
``answers.py`` what the service's answers mean · ``errors.py`` the one place where its errors are translated ·
``names.py`` names and headers · ``probe.py`` "Test connection".

Nothing of the SDK is imported before a store is opened: it costs a good part of the program's start-up time.
"""
