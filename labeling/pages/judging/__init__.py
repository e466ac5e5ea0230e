"""A labeler's pages: the comparison, one's own work."""
