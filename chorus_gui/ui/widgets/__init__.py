"""Small reusable pieces of the screen.  None of them knows the session."""
