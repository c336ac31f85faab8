"""Files of a site in Google Cloud Storage, or in another service that speaks its JSON interface.

The requests are sent by the same HTTP client as those to Azure and S3.  google-auth makes tokens of the credentials, over that client,
too; it is imported only then.  A site with an HMAC key is read through the interface of S3.
"""
