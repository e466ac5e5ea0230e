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
for _name in ("REDIS_URL", "DEMO_MODE", "DEBUG", "ALLOWED_HOSTS", "HTTPS", "SECRET_KEY"):
    os.environ.pop(_name, None)
os.environ["ENV_FILE"] = os.devnull
os.environ["DATA_DIR"] = _data_dir

from config.settings import *  # noqa: E402, F403
from config.settings import DATA_DIR, DATABASES  # noqa: E402

ALLOWED_HOSTS = ["*"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, as in use: tests with several threads meet the same locks.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
DATABASES["default"]["CONN_MAX_AGE"] = 0
