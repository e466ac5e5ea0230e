"""A person's own way in: signing in, their account, their tokens, and the demo's door."""
