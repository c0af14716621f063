FROM python:3.13.5-slim-bookworm AS build
WORKDIR /src
COPY requirements.txt requirements-build.txt ./
RUN python -m venv /opt/ingestor && /opt/ingestor/bin/pip install --no-cache-dir --require-hashes --no-deps -r requirements.txt
COPY pyproject.toml requirements.in README.md LICENSE ./
COPY ingestor ingestor
COPY metrics metrics
COPY supervisors supervisors
COPY grafana grafana
RUN pip install --no-cache-dir --require-hashes --no-deps -r requirements-build.txt \
    && pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /opt/ingestor/bin/pip install --no-cache-dir --no-deps /wheels/*.whl

FROM python:3.13.5-slim-bookworm
COPY --from=build /opt/ingestor /opt/ingestor
RUN useradd --uid 1000 --create-home ingestor && install -d -o ingestor /data
ENV PATH=/opt/ingestor/bin:$PATH DATA_DIR=/data API_HOST=0.0.0.0 PYTHONUNBUFFERED=1
USER ingestor
WORKDIR /home/ingestor
VOLUME /data
EXPOSE 8080
ENTRYPOINT ["ingestor"]
CMD ["run"]
