"""Start unattended runs by the system's own scheduler: the Task Scheduler, a systemd timer of the user, or a launchd job."""
