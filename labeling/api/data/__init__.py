"""Rows in and out: imports, preferences, judgments."""
