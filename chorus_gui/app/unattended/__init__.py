"""Submissions that nobody watches: a policy approves them, reports tell about them, and the system's scheduler starts them."""
