"""HTTP/1.1 as every service in the cloud is asked with it: strictly read, within bounds, with the system's certificates and proxies.

``http1.py`` keeps connections to a server · ``channel.py`` is one of them · ``connecting.py`` opens it · ``proxies.py`` finds the proxy ·
``trust.py`` the certificates we believe · ``headers.py`` times, ETags and waits of an answer · ``no_answers.py`` why none came.
What a service's own answers mean is said in its package.
"""
