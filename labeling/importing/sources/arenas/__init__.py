"""Data sets in which several people voted on what models wrote."""
