# Three images: api serves, worker does what is done in the background, migrations changes the schema and ends. Each holds one static binary and no
# shell. make images-check reads this file and docker-compose.yml, and runs what they say without a container engine.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
ARG TARGETARCH
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN --mount=type=cache,target=/root/.cache/go-build GOARCH=$TARGETARCH make build build-worker

# The programs alone, which a release also has as files: docker build --target programs --output DIR .
FROM scratch AS programs
COPY --from=build /src/rowhouse /rowhouse
COPY --from=build /src/rowhouse-worker /rowhouse-worker

# Certificates, time zones, a /tmp for the files that imports and exports are spooled to, and nobody's user.
FROM gcr.io/distroless/static-debian12:nonroot AS base
USER 65532:65532
ENTRYPOINT ["/rowhouse"]

FROM base AS migrations
COPY --from=build /src/rowhouse /rowhouse
CMD ["migrate", "up"]

# Without what serves: the router, the handlers' server, and every other command.
FROM base AS worker
COPY --from=build /src/rowhouse-worker /rowhouse
CMD ["worker"]

# No HEALTHCHECK, since there is no shell to run one: ask /healthz and /readyz from outside.
FROM base AS api
COPY --from=build /src/rowhouse /rowhouse
EXPOSE 8080
CMD ["serve"]
