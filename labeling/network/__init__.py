"""Where this server may connect to for somebody, and connections that go there and nowhere else."""
