# One image for every process. What pages are made of is made while it is built, so that a container may run with a root that cannot be written.
FROM python:3.12.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /app
COPY requirements.lock ./
RUN python -m venv /app/.venv && /app/.venv/bin/pip install --require-hashes --no-deps -r requirements.lock
COPY package.json package-lock.json manage.py .env.example ./
COPY mongodb_config mongodb_config
COPY crypto_api crypto_api
COPY workers workers
COPY signer signer
COPY contracts contracts
COPY crypto_project crypto_project
# The key only satisfies the settings: nothing is signed here, and no layer keeps it.
# What is for trying out and for tests is no part of the image.
RUN SECRET_KEY=only-for-the-build-0123456789abcdef .venv/bin/python manage.py prepare_pages && rm -rf node_modules && \
    rm -r crypto_project/demo crypto_project/batch_contracts.py && (cd crypto_project/management/commands && \
        rm chaos.py demo.py export_schemas.py fuzz.py make_clients.py plant.py simulate.py test.py) && \
    sed -i 's/^_folder = .*/_folder = None/' crypto_api/kit/faultpoint.py && \
    .venv/bin/python -m compileall -q mongodb_config crypto_api workers signer crypto_project

FROM python:3.12.11-slim-bookworm
# The signer has a user of its own: what API and workers can read, it can, and not the other way round.
RUN groupadd --gid 10001 coffer && useradd --uid 10001 --gid coffer --no-create-home --shell /usr/sbin/nologin coffer && \
    useradd --uid 10002 --gid coffer --no-create-home --shell /usr/sbin/nologin coffer-signer && \
    install -d -o coffer -g coffer -m 0750 /var/lib/coffer && install -d -o coffer-signer -g coffer -m 0750 /run/coffer
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 LOG_DIR=/var/lib/coffer/logs SIGNER_SOCKET=/run/coffer/signer.sock \
    SOLC_DIR=/var/lib/coffer/solc SLITHER_DIR=/var/lib/coffer/slither
WORKDIR /app
COPY --from=build /app /app
USER coffer
EXPOSE 8000
CMD ["uvicorn", "crypto_project.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--lifespan", "on", "--loop", "uvloop", \
     "--http", "crypto_project.http_protocol:BoundedHttp", "--ws", "crypto_project.socket_protocol:BoundedSockets", "--ws-max-size", "65536", "--no-access-log", \
     "--no-server-header", "--no-proxy-headers", "--timeout-graceful-shutdown", "5"]
