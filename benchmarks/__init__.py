"""Measurements, each a command that prints a table and a JSON line. Figures are ratios within one run, never bounds in a test."""
