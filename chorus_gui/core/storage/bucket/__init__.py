"""A site whose files are in a bucket: what Amazon S3, Google Cloud Storage and the services that work like them have in common.

``values.py`` what a service says of an object, and what its package has to offer · ``listing.py`` lists in several parts at the same time ·
``source.py`` the source · ``answers.py`` what every service can refuse, and why none answers · ``reach.py`` certificates, proxy, encryption.
"""
