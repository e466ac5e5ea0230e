"""From rows to files, to a program, and from its files back to rows."""
