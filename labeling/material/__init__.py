"""What is compared: prompts and responses, and what is said of them in short."""
