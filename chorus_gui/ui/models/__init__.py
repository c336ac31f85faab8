"""Qt models over what core keeps."""
