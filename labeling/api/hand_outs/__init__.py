"""Labeling from elsewhere: the next comparison, and its answer, skip or undo."""
