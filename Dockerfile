# docker build -t mockling . && docker run --rm -p 8787:8787 mockling; docs/sidecar.md has the rest.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY contract contract
COPY fixtures fixtures
COPY emulator emulator
COPY client client
COPY cli cli
RUN python -m venv /opt/mockling \
    && /opt/mockling/bin/pip install --no-cache-dir --disable-pip-version-check ".[tls]"

FROM python:${PYTHON}-slim
COPY --from=build /opt/mockling /opt/mockling
ENV MOCKLING_HOST=0.0.0.0 \
    MOCKLING_READY_FILE=/tmp/mockling.json
WORKDIR /tmp
USER 10001
EXPOSE 8787
HEALTHCHECK --interval=10s --timeout=6s --start-period=10s \
    CMD ["/opt/mockling/bin/python", "-m", "mockling.cli.health"]
ENTRYPOINT ["/opt/mockling/bin/mockling"]
CMD ["serve"]
