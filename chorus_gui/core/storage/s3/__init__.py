"""Files of a site in Amazon S3, or in another service that speaks its protocol.

The requests are sent by the same HTTP client as those to Azure.  botocore says where credentials come from, if the configuration has no
keys; it is imported only then.
"""
