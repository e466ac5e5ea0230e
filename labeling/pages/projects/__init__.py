"""A project's pages: home, settings, guidelines, import."""
