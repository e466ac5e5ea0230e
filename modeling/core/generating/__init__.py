"""Responses drawn from a policy, here or by a server."""
