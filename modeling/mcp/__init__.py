"""A server of the Model Context Protocol: language models look at projects, and change what a
person confirms."""
