# The page for any host that runs containers: `docker build -t emotionthinker . && docker run -p 127.0.0.1:7860:7860 emotionthinker`.
# Settings come from the environment; docs/hosting.md lists them. compose.yaml puts vLLM behind it.
FROM python:3.11-slim-bookworm

# Where PyTorch's wheels for CPUs are: without it Linux gets the CUDA build, which is larger by gigabytes and runs as well.
ARG TORCH_INDEX=""

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /srv/emotionthinker

# First what changes seldom. Torch by itself, so that all else is resolved against the version that is asked for.
COPY requirements.txt ./
RUN pip install ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} "$(grep '^torch==' requirements.txt)" \
    && pip install -r requirements.txt

# The code belongs to root: who breaks into the page cannot change it.
COPY app.py pyproject.toml LICENSE README.md ./
COPY emotionthinker ./emotionthinker
COPY annotate ./annotate
COPY assets ./assets

RUN useradd --uid 1000 --create-home --shell /usr/sbin/nologin page \
    && install --directory --owner=page --group=page --mode=0700 /data
USER page
VOLUME /data

ENV GRADIO_SERVER_NAME=0.0.0.0 \
    GRADIO_SERVER_PORT=7860 \
    GRADIO_ANALYTICS_ENABLED=False \
    OMP_WAIT_POLICY=PASSIVE \
    ET_ANNOTATE_DB=/data/annotate.db

EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=10s --start-period=180s --retries=3 CMD ["python", "-m", "emotionthinker.page.health"]
CMD ["python", "app.py"]
