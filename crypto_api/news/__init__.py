"""News out of the feeds that the operator of the installation configured, as plain text."""
