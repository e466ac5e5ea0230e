"""The demo world: everyday questions, mixed responses, and the oracle that scores them."""
