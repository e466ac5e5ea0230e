"""How gunicorn serves the pages: few processes, threads for the requests that have arrived."""

import gc
import os
from pathlib import Path
from typing import Any

_host = os.environ.get("HOST") or "127.0.0.1"
bind = f"[{_host}]:" if ":" in _host else f"{_host}:"
bind += os.environ.get("PORT") or "8000"
worker_class = "config.web.worker.BufferingWorker"
workers = int(os.environ.get("WEB_WORKERS") or 2)
threads = int(os.environ.get("WEB_THREADS") or 8)
# One import for all workers: a quicker start, and memory that they share.
preload_app = True
timeout = 60
graceful_timeout = 5
keepalive = 30
control_socket_disable = True
# The heartbeat file must not lie on a disk that can be slow.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None


def when_ready(server: Any) -> None:
    """Spares the workers from looking, again and again, for garbage in what was loaded before the
    fork, and from doing so after each 700 new objects: a fifth of an export's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
