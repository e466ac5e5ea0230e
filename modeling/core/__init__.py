"""The learning programs: pure torch, files in and files out. No Django, no Celery.

Set before torch is imported: idle OpenMP threads that spin were 8-17x slower for small models on
shared cores, and a forking tokenizer pool only prints warnings.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("TQDM_DISABLE", "1")  # bars would bury the run's own log
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # same seed, same bytes on CUDA too
