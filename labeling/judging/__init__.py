"""What a labeler answers, and what follows from it at once."""
