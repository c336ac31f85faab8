"""Items in, proofs out."""
