"""Imports that a worker reads: handed over with their files, read with progress, taken by a click,
given up by another."""
