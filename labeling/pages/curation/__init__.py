"""Curators' pages: the dashboard, preferences, flags, gold, agreement."""
