"""The readiness check: does the site look like what the consortium asks for, before anything is sent."""
