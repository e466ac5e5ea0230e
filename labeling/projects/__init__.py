"""A project: made, owned, changed, and its settings in words."""
