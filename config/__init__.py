"""How the parts are wired together: settings, urls, Celery, WSGI and the embedded servers."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
