"""Data sets with one verdict a row, as they are published."""
