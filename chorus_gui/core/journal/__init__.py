"""The SQLite record of what was submitted, in either schema, behind one class."""
