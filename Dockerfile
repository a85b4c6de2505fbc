# Three images: api serves, worker does what is done in the background, migrations changes the schema and ends. All hold one static binary and no shell.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN --mount=type=cache,target=/root/.cache/go-build CGO_ENABLED=0 go build -trimpath -tags nomsgpack -o /rowhouse ./cmd/rowhouse
RUN mkdir /empty

FROM scratch AS rowhouse
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /rowhouse /rowhouse
# Imports and exports are spooled to temporary files.
COPY --from=build --chown=65532:65532 /empty /tmp
USER 65532:65532
ENTRYPOINT ["/rowhouse"]

FROM rowhouse AS migrations
CMD ["migrate", "up"]

FROM rowhouse AS worker
CMD ["worker"]

# No HEALTHCHECK, since there is no shell to run one: ask /healthz and /readyz from outside.
FROM rowhouse AS api
EXPOSE 8080
CMD ["serve"]
