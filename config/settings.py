"""Django settings. Every setting an operator may change is an environment variable listed in
`.env.example`; nothing needs to be set for the embedded default (SQLite, Redis in DATA_DIR)."""

import os
from datetime import timedelta
from pathlib import Path

from config import environment, private_files, secrets_check

BASE_DIR = Path(__file__).resolve().parent.parent
environment.load_env_file(Path(os.environ.get("ENV_FILE") or BASE_DIR / ".env"))

DATA_DIR = environment.data_dir(Path(os.environ.get("DATA_DIR") or BASE_DIR / "var"))
private_files.keep_private(DATA_DIR)
DEBUG = environment.flag("DEBUG", default=False)
DEMO_MODE = environment.flag("DEMO_MODE", default=False)
SECRET_KEY = environment.secret_key(DATA_DIR)
# This machine's own names are always allowed: health checks ask for them.
ALLOWED_HOSTS = [
    "localhost",
    "127.0.0.1",
    "[::1]",
    *environment.words("ALLOWED_HOSTS", default=""),
]
# Whose X-Forwarded-For is believed (labeling/people/signing_in/addresses.py).
TRUSTED_PROXIES = environment.networks("TRUSTED_PROXIES")
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
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "axes",
    "config",
    "labeling",
    "modeling",
]

MIDDLEWARE = [
    "config.web.headers.Headers",
    "config.web.refusals.RefusalPages",
    "config.web.plain_requests.PlainRequests",
    "django.middleware.security.SecurityMiddleware",
    "config.web.static_files.CompressedStaticFiles",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "labeling.pages.people.reader_time.ReaderTime",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "labeling.pages.people.signing_in.signed_out.SignedOutMiddleware",
    "labeling.pages.judging.someone_else.SomeoneElseMiddleware",
    "labeling.people.signing_in.throttles.PageLimits",
    "axes.middleware.AxesMiddleware",
]

CSRF_FAILURE_VIEW = "config.web.refusals.csrf_failure"
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["labeling.templatetags.times"],
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
else:
    # A server that hangs, or whose machine is gone, must not hold up a request for minutes.
    _patience = {"connect_timeout": 5, "keepalives_idle": 30, "tcp_user_timeout": 30_000}
    DATABASES["default"]["OPTIONS"] = {**_patience, **DATABASES["default"].get("OPTIONS", {})}
    if environment.flag("DATABASE_PREPARES", default=True):
        # A statement that comes again is planned once per connection: a third less work for the
        # database at every click.
        DATABASES["default"]["OPTIONS"] |= {"server_side_binding": True, "prepare_threshold": 5}

AUTH_USER_MODEL = "labeling.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",  # refuses before a password is hashed
    "django.contrib.auth.backends.ModelBackend",
]
# Failed attempts to sign in, on our page and on Django's admin: see
# labeling/people/signing_in/sign_in_limits.py.
AXES_HANDLER = "labeling.people.signing_in.sign_in_limits.Handler"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"], "ip_address"]
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_USERNAME_CALLABLE = "labeling.people.signing_in.sign_in_limits.plain_name"
AXES_CLIENT_IP_CALLABLE = "labeling.people.signing_in.addresses.client_address"
AXES_LOCKOUT_CALLABLE = "labeling.people.signing_in.sign_in_limits.locked_out"
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "csrfmiddlewaretoken", "next"]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "sign-in"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
# A link that sets a new password is mailed, and used soon or never.
PASSWORD_RESET_TIMEOUT = 60 * 60
SESSION_COOKIE_AGE = 60 * 60 * 24 * 30
# Sessions and messages stay in the database and in a cookie: labeling must go on without Redis.
MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"

# What links in mails begin with. Without it the host that was asked for: whoever asks for a mail
# then decides its port (labeling/people/mailing.py).
SITE_URL = (os.environ.get("SITE_URL") or "").rstrip("/")

# Invitations are mailed where a server is set; without one their links are shown to copy, and
# nobody can reset a password by mail.
EMAIL_HOST = os.environ.get("EMAIL_HOST") or ""
EMAIL_PORT = environment.whole_number("EMAIL_PORT", default=587, lowest=1, highest=65535)
EMAIL_HOST_USER = os.environ.get("EMAIL_HOST_USER") or ""
EMAIL_HOST_PASSWORD = os.environ.get("EMAIL_HOST_PASSWORD") or ""
secrets_check.check_password("EMAIL_HOST_PASSWORD", EMAIL_HOST_PASSWORD)
EMAIL_USE_SSL = EMAIL_PORT == 465
EMAIL_USE_TLS = not EMAIL_USE_SSL and environment.flag("EMAIL_USE_TLS", default=True)
EMAIL_TIMEOUT = 10
# A mail is sent after the answer: how long it takes would tell whether an address is known.
MAIL_IN_BACKGROUND = True
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
COMPRESSED_STATIC = DATA_DIR / "static"
DATA_UPLOAD_MAX_MEMORY_SIZE = 20 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000

# Below these folders every project may use the models. Besides them: what its own runs have made,
# and hub ids (labeling/projects/model_locations.py).
MODEL_ROOTS = environment.folders("MODEL_ROOTS")
# What policies' addresses may lead to beside public ones
# (labeling/network/reachable.py). On a single machine a server for models on that
# machine is the usual case.
POLICY_PRIVATE_HOSTS = environment.words(
    "POLICY_PRIVATE_HOSTS", default="localhost" if environment.is_one_machine() else "none"
)
# What webhooks' addresses may lead to beside public ones, also without TLS.
WEBHOOK_PRIVATE_HOSTS = environment.words("WEBHOOK_PRIVATE_HOSTS", default="none")

# What tells labelers' pages whether new comparisons are on their way (labeling/queue/prospects.py).
PROSPECTS = "modeling.loop.prospects.prospect_of"
# What knows which project has an oracle, and so a gold score beside each reward
# (modeling/policies/gold.py).
ORACLES = "modeling.demo.gold.oracle_of"

# What knows which runs and reward models learnt from a snapshot (labeling/snapshots/uses.py).
SNAPSHOT_USES = "modeling.runs.snapshot_uses.uses_of"

# Where snapshots are pushed to, and with which token where nobody types one.
HF_ENDPOINT = (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")
HF_TOKEN = os.environ.get("HF_TOKEN") or ""

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
# A Redis whose disk is full refuses every command: no reason to end, and with it what is trained.
CELERY_BROKER_CHANNEL_ERROR_RETRY = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "interval_max": 10,
    "socket_connect_timeout": 2,
    "socket_timeout": 30,
    "socket_keepalive": True,
    "visibility_timeout": 3600,
}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_BEAT_SCHEDULER = "config.beat:SteadyScheduler"
# Above 0, or beat would do nothing but send.
ADVANCE_EVERY_SECONDS = environment.number("ADVANCE_EVERY_SECONDS", default=15, above=0)
# A run whose worker gave no sign of life for so long is taken over (modeling/runs/lifecycle.py).
STALE_RUN_SECONDS = environment.number("STALE_RUN_SECONDS", default=60, above=0)
# A message that no worker took in time is dropped: the next one says the same.
_EVERY = {
    "schedule": ADVANCE_EVERY_SECONDS,
    "options": {"expires": ADVANCE_EVERY_SECONDS},
}
CELERY_BEAT_SCHEDULE = {
    "advance": {"task": "modeling.tasks.advance_all", **_EVERY},
    "expire-leases": {"task": "labeling.tasks.expire_leases", **_EVERY},
    "finish-changes": {"task": "labeling.tasks.finish_changes", **_EVERY},
    "send-webhooks": {"task": "labeling.tasks.send_webhooks", **_EVERY},
    "remove-old-deliveries": {
        "task": "labeling.tasks.remove_old_deliveries",
        "schedule": 3600,
        "options": {"expires": 3600},
    },
    "update-reliability": {
        "task": "labeling.tasks.update_reliability",
        "schedule": 3600,
        "options": {"expires": 3600},
    },
    "forget-requests": {
        "task": "labeling.tasks.forget_requests",
        "schedule": 3600,
        "options": {"expires": 3600},
    },
}

_api_requests = environment.whole_number(
    "API_REQUESTS_PER_MINUTE", default=600, lowest=1, highest=1_000_000
)
# Requests of one token, or from one address (labeling/people/signing_in/throttles.py); pages: what
# is sent to them.
THROTTLE_RATES = {
    "token": f"{_api_requests}/min",
    "anonymous": "60/min",
    "refused": "30/min",
    "page:demo-sign-in": "60/hour",
    "page:invitation": "60/hour",
    "page:set-password": "60/hour",
    "page:account-password": "20/hour",
    "page:password-forgotten": "20/hour",
}
# In each process by itself: no request depends on Redis.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "OPTIONS": {"MAX_ENTRIES": 20_000},
    }
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "labeling.api.conventions.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
        "labeling.api.conventions.authentication.TokenScope",
    ],
    "DEFAULT_THROTTLE_CLASSES": [
        "labeling.people.signing_in.throttles.PerToken",
        "labeling.people.signing_in.throttles.PerAddress",
    ],
    "DEFAULT_SCHEMA_CLASS": "labeling.api.conventions.schema.ApiSchema",
    "DEFAULT_PARSER_CLASSES": ["labeling.api.conventions.parsers.PlainJSONParser"],
    # OPTIONS is answered like any method that an endpoint does not have.
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "labeling.api.conventions.negotiation.OneType",
    "URL_FORMAT_OVERRIDE": None,
    "EXCEPTION_HANDLER": "labeling.api.conventions.errors.problem_response",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Preferable API",
    "DESCRIPTION": "Projects, preferences, runs and reward models over HTTP. Errors are problem "
    "details (RFC 9457), the same for every operation.",
    "VERSION": "1",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "labeling.api.conventions.schema.complete_schema",
    ],
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    # Several endpoints have a `kind`, a `state`, a `status` or a `role`, and not the same.
    "ENUM_NAME_OVERRIDES": {
        "SnapshotOriginEnum": "labeling.models.snapshots.SnapshotOrigin",
        "SnapshotWorkEnum": "labeling.models.snapshots.WorkState",
        "JudgmentKindEnum": "labeling.models.Judgment.Kind",
        "ComparisonStateEnum": "labeling.models.Comparison.State",
        "PreferenceKindEnum": "labeling.models.Preference.Kind",
        "AskReasonEnum": "labeling.models.AskReason",
        "RoleEnum": "labeling.models.Role",
        "MessageRoleEnum": "labeling.texts.messages.ROLES",
        "RunKindEnum": "modeling.models.Run.Kind",
        "RunStateEnum": "modeling.models.Run.State",
        "RoundStateEnum": "modeling.models.Round.State",
        "PolicyStatusEnum": "modeling.models.Policy.Status",
        "RewardModelStatusEnum": "modeling.models.RewardModel.Status",
    },
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": os.environ.get("LOG_LEVEL") or "INFO"},
}
