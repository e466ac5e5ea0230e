"""The WSGI entry point that gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()

# All views, with what they import: once for all processes, which share it, and before the first
# request of each, which would wait a second for them.
_ = get_resolver().url_patterns
