"""Work for many threads or processes: tasks in, results out, a bounded number at a time."""
