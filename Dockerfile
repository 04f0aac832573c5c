# syntax=docker/dockerfile:1
# latentrec's server: CPU only, no root, nothing of the build in the last stage.

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1
RUN python -m venv /opt/latentrec
WORKDIR /src
# The libraries first: they change less often than the code, and this layer is kept. The CPU build
# of torch comes from its own index; a plain `torch` would bring several GB of CUDA.
COPY constraints.txt ./
RUN sed -n 's/^torch==\([0-9.]*\)$/torch==\1+cpu/p' constraints.txt > torch.txt \
    && /opt/latentrec/bin/pip install --extra-index-url https://download.pytorch.org/whl/cpu -r torch.txt
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
# The constraint on torch is met by the build with the local version +cpu.
RUN /opt/latentrec/bin/pip install -c constraints.txt ".[serve]"

FROM python:3.11-slim-bookworm
RUN groupadd --gid 10001 latentrec \
    && useradd --uid 10001 --gid latentrec --no-create-home --shell /usr/sbin/nologin latentrec \
    && install --directory --owner=latentrec --group=latentrec /data /runs
COPY --from=build /opt/latentrec /opt/latentrec
# Two threads in the model make the slowest requests slower; the command line sets one as well.
ENV PATH=/opt/latentrec/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1
USER 10001:10001
WORKDIR /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health/live', timeout=2)"]
STOPSIGNAL SIGTERM
# Listens beyond the container, so LATENTREC_TOKEN must be set; without it the server says so and ends.
ENTRYPOINT ["latentrec"]
CMD ["serve", "/runs/current", "--host", "0.0.0.0", "--store", "/data/histories.sqlite"]
