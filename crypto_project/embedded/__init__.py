"""Servers that a trial or a test brings along. For one machine; production brings its own."""
