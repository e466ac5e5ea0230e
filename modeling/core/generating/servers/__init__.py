"""Policies behind an OpenAI-style server: addresses, requests, answers."""
