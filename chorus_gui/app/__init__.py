"""What a person can ask for, put together once for the window and the command line.  No Qt, no printing, no argument parsing."""
