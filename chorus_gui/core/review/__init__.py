"""Site × journal → changes, laid out for a person to approve."""
