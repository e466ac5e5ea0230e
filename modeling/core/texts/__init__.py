"""From messages to packed rows of tokens."""
