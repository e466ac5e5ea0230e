"""Django settings. Every setting an operator may change is an environment variable listed in
`.env.example`; nothing needs to be set for the embedded default (SQLite, Redis in DATA_DIR)."""

import os
from pathlib import Path

from config import environment

BASE_DIR = Path(__file__).resolve().parent.parent
environment.load_env_file(Path(os.environ.get("ENV_FILE") or BASE_DIR / ".env"))

DATA_DIR = environment.data_dir(Path(os.environ.get("DATA_DIR") or BASE_DIR / "var"))
DEBUG = environment.flag("DEBUG", default=False)
DEMO_MODE = environment.flag("DEMO_MODE", default=False)
SECRET_KEY = os.environ.get("SECRET_KEY") or environment.stored_secret_key(DATA_DIR)
# This machine's own names are always allowed: health checks ask for them.
ALLOWED_HOSTS = [
    "localhost",
    "127.0.0.1",
    "[::1]",
    *environment.words("ALLOWED_HOSTS", default=""),
]
CSRF_TRUSTED_ORIGINS = environment.words("CSRF_TRUSTED_ORIGINS", default="")
if environment.flag("HTTPS", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "rest_framework",
    "rest_framework.authtoken",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "config",
    "labeling",
    "modeling",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "config.static_files.CompressedStaticFiles",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "labeling.pages.signed_out.SignedOutMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {"default": environment.database(DATA_DIR)}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # IMMEDIATE takes the write lock at BEGIN: a claim can then never fail half-way with
    # "database is locked", it waits its turn (busy timeout) instead.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA temp_store=MEMORY;"
        ),
    }
elif environment.flag("DATABASE_PREPARES", default=True):
    # A statement that comes again is planned once per connection: a third less work for the
    # database at every click.
    DATABASES["default"].setdefault("OPTIONS", {}).update(
        server_side_binding=True, prepare_threshold=5
    )

AUTH_USER_MODEL = "labeling.User"
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "sign-in"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_COOKIE_AGE = 60 * 60 * 24 * 30
# Sessions and messages stay in the database and in a cookie: labeling must go on without Redis.
MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"

# Invitations are mailed where a server is set; without one their links are shown to copy.
EMAIL_HOST = os.environ.get("EMAIL_HOST") or ""
EMAIL_PORT = int(environment.number("EMAIL_PORT", default=587))
EMAIL_HOST_USER = os.environ.get("EMAIL_HOST_USER") or ""
EMAIL_HOST_PASSWORD = os.environ.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_SSL = EMAIL_PORT == 465
EMAIL_USE_TLS = not EMAIL_USE_SSL and environment.flag("EMAIL_USE_TLS", default=True)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = (
    os.environ.get("DEFAULT_FROM_EMAIL") or EMAIL_HOST_USER or "preferable@localhost"
)

LANGUAGE_CODE = "en"
TIME_ZONE = os.environ.get("TIME_ZONE") or "UTC"
USE_I18N = False
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Finders make collectstatic unnecessary: pages work straight from a checkout.
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 3600
DATA_UPLOAD_MAX_MEMORY_SIZE = 20 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000

REDIS_URL = os.environ.get("REDIS_URL") or environment.embedded_redis_url(DATA_DIR)
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {"modeling.tasks.execute": {"queue": "gpu"}}
# A nudge is sent once: beat looks again within seconds (config/nudges.py).
CELERY_TASK_PUBLISH_RETRY = False
# Workers wait for Redis for as long as it is away, at most ten seconds between two attempts.
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "interval_max": 10,
    "socket_connect_timeout": 2,
    "socket_timeout": 30,
    "socket_keepalive": True,
    "visibility_timeout": 3600,
}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
# Every entry may run late or twice, so beat keeps no file that a crash could damage.
CELERY_BEAT_SCHEDULER = "celery.beat:Scheduler"
ADVANCE_EVERY_SECONDS = environment.number("ADVANCE_EVERY_SECONDS", default=15)
# A run whose worker gave no sign of life for so long is taken over (modeling/runs.py).
STALE_RUN_SECONDS = environment.number("STALE_RUN_SECONDS", default=60)
# A message that no worker took in time is dropped: the next one says the same.
_EVERY = {
    "schedule": ADVANCE_EVERY_SECONDS,
    "options": {"expires": ADVANCE_EVERY_SECONDS},
}
CELERY_BEAT_SCHEDULE = {
    "advance": {"task": "modeling.tasks.advance_all", **_EVERY},
    "expire-leases": {"task": "labeling.tasks.expire_leases", **_EVERY},
    "update-reliability": {
        "task": "labeling.tasks.update_reliability",
        "schedule": 3600,
        "options": {"expires": 3600},
    },
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "URL_FORMAT_OVERRIDE": None,
    "EXCEPTION_HANDLER": "labeling.api.errors.problem_response",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Preferable API",
    "DESCRIPTION": "Projects, preferences and reward models over HTTP.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    # Swagger UI comes from the sidecar's files, not from a CDN.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": os.environ.get("LOG_LEVEL") or "INFO"},
}
