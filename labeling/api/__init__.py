"""The REST API, by subject. Described at /api/docs/ and in docs/api.md."""
