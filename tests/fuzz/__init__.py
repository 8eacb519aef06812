"""Bad input on purpose, to a running process: every operation over HTTP, and frames on raw sockets. `manage.py fuzz`."""
