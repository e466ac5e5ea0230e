"""Texts and messages as plain values: no table, no request."""
