"""What one line of a file says: its columns, messages, answers, opinions and votes."""
