"""Data sets and tools whose records are known by their columns: one module for each, which says how
it recognises a record and turns it into rows of ours.

A new one is a module with its `SOURCES` in the folder of its kind, its input in the tests and its
line in the table of docs/data-formats.md.
"""

from labeling.importing.sources.registry import every_source, recognise
from labeling.importing.sources.rows import Recognised, rows_of_records

__all__ = ["Recognised", "every_source", "recognise", "rows_of_records"]
