"""What curators do about comparisons, from elsewhere: comments."""
