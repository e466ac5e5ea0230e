"""Settings of the test suite: the product's own, on a DATA_DIR that is gone afterwards.

The database is SQLite unless DATABASE_URL says otherwise. No Redis runs: a test that needs one
starts its own.
"""

import atexit
import os
import shutil
import tempfile

_data_dir = tempfile.mkdtemp(prefix="preferable-test-")
atexit.register(shutil.rmtree, _data_dir, ignore_errors=True)
# A developer's own settings must not decide whether the tests pass.
for _name in (
    "REDIS_URL", "DEMO_MODE", "DEBUG", "ALLOWED_HOSTS", "SITE_URL", "HTTPS", "SECRET_KEY", "HOST",
    "CSRF_TRUSTED_ORIGINS", "POLICY_PRIVATE_HOSTS", "WEBHOOK_PRIVATE_HOSTS",
    "CSRF_TRUSTED_ORIGINS", "POLICY_PRIVATE_HOSTS", "HF_ENDPOINT", "HF_TOKEN",
):  # fmt: skip
    os.environ.pop(_name, None)
# Tests make their models in temporary folders.
os.environ["MODEL_ROOTS"] = tempfile.gettempdir()
os.environ["ENV_FILE"] = os.devnull
os.environ["DATA_DIR"] = _data_dir

from config.settings import *  # noqa: E402, F403
from config.settings import DATA_DIR, DATABASES, THROTTLE_RATES  # noqa: E402

ALLOWED_HOSTS = ["*"]
# Another thread would not see what a test has not committed.
MAIL_IN_BACKGROUND = False
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, as in use: tests with several threads meet the same locks.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
DATABASES["default"]["CONN_MAX_AGE"] = 0
# Tests come from one address in quick succession; those of the limits set their own.
THROTTLE_RATES = dict.fromkeys(THROTTLE_RATES, "100000/hour")
# Each test has a client of its own, and so the middleware starts anew: it must not look at every
# static file then. tests/config/web/test_static_files.py reads them as the product does.
WHITENOISE_AUTOREFRESH = True
