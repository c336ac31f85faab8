"""One walk of each root for all the modalities in it."""
