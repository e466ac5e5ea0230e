"""Numbers about rewards and choices, without torch and without Django."""
