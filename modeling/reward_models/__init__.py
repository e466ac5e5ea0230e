"""Which reward model is in service, how good it is, and how it is served."""
