"""The engine: no Qt, no printing, no argument parsing.  The window and the command line call the same steps."""
