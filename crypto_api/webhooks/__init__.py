"""Telling the programs of an organisation what happened, over HTTPS."""
