# One static binary and no system around it. docs/image.md tells how the image is built, run and checked.

# The Rust of Cargo.toml, on the Debian whose C library is linked in.
ARG RUST=docker.io/library/rust:1.95-bookworm
FROM ${RUST} AS build
WORKDIR /doorward
RUN cargo install --locked --root /tools cargo-cyclonedx@0.5.9
COPY . .
ENV SOURCE_DATE_EPOCH=0

# The bytes depend neither on where they are made nor on when: no folder and no registry is named in them, and what has the time
# of its compilation in it (mimalloc) has the one above. A target that is named keeps the flags away from the programs that run
# during the build, which could not load libraries otherwise.
RUN set -eu; \
    target=$(rustc --print host-tuple); \
    cargo fetch --locked --target "$target"; \
    crates=$(echo "$CARGO_HOME"/registry/src/*); \
    export CFLAGS="-ffile-prefix-map=$PWD=. -ffile-prefix-map=$crates=crates"; \
    export RUSTFLAGS="-C target-feature=+crt-static --remap-path-prefix=$PWD=. --remap-path-prefix=$crates=crates"; \
    cargo build --release --locked --target "$target"; \
    install -D "target/$target/release/doorward" /out/doorward; \
    install -D -m 644 LICENSE /out/usr/share/doorward/LICENSE

# What is linked in, crate by crate. With the time given there is no random number in it.
RUN /tools/bin/cargo-cyclonedx cyclonedx --format json --no-build-deps \
      --target "$(rustc --print host-tuple)" --override-filename bom && \
    install -D -m 644 bom.json /out/usr/share/doorward/bom.json

# For issuers whose keys are fetched, Redis and PostgreSQL over TLS: whom Debian trusts.
RUN install -D -m 644 /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/ca-certificates.crt

FROM scratch
LABEL org.opencontainers.image.title="Doorward" \
      org.opencontainers.image.description="An external-authorization sidecar for Envoy: credentials in, principal headers out" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /out /
# A number, since without /etc/passwd there is no name, and Kubernetes sees that it is not root's.
USER 65532:65532
ENTRYPOINT ["/doorward"]
CMD ["serve"]
