"""How gunicorn serves the pages: few processes, threads for the requests that have arrived."""

import os
from pathlib import Path

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
