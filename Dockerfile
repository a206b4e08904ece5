# One image for api, worker and mock: the command says which. Any Debian-like base with Python 3.11 and venv will do.
ARG BASE=python:3.11-slim

FROM ${BASE} AS build
WORKDIR /src
RUN python3 -m venv /opt/fundlink
COPY requirements.lock ./
RUN /opt/fundlink/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY schemas ./schemas
COPY mock_eltax ./mock_eltax
COPY fundlink ./fundlink
# hatchling comes from the lock file, so nothing unpinned is fetched here
RUN PATH="/opt/fundlink/bin:${PATH}" /opt/fundlink/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation .

FROM ${BASE}
RUN groupadd --gid 10001 fundlink \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/fundlink --shell /usr/sbin/nologin fundlink \
    && install -d -o 10001 -g 10001 -m 0750 /var/lib/fundlink
COPY --from=build /opt/fundlink /opt/fundlink
ENV PATH="/opt/fundlink/bin:${PATH}" \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    FUNDLINK_HOME=/var/lib/fundlink
USER 10001:10001
WORKDIR /var/lib/fundlink
VOLUME /var/lib/fundlink
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=4).read()"]
ENTRYPOINT ["fundlink"]
CMD ["serve"]
