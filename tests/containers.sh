# shellcheck shell=bash disable=SC2034,SC2154
# For tests/image.sh and tests/pods.sh, which read this file: buildah and podman, without a daemon, on storage of their own.
# They set `work`, an empty folder that is theirs alone. Nothing of the machine's own containers is seen or changed.

# apart NAMESPACE [ARGUMENT...]: runs the script again with mounts, processes and NAMESPACE of its own: what it starts ends with it.
apart() {
  if [[ ${APART:-} ]]; then
    unset APART
    return
  fi
  APART=yes exec unshare --mount --pid --fork --kill-child=TERM --mount-proc "$1" "$0" "${@:2}"
}

containers_begin() {
  ((EUID == 0)) || { echo "containers.sh: containers are run as root here" >&2; exit 1; }
  tests/parts.sh buildah >/dev/null
  tests/parts.sh podman >/dev/null
  # What a machine may refuse that is itself a container: control groups by systemd, more open files than it has, crun.
  cat >"$work/containers.conf" <<'END'
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
lock_type = "file"
runtime = "runc"
END
  export CONTAINERS_CONF=$work/containers.conf
  storage=(--root "$work/storage" --runroot "$work/run" --storage-driver vfs)
}

podman() { command podman "${storage[@]}" --tmpdir "$work/tmp" "$@"; }

# build IMAGE FOLDER [OPTION...]: the bytes of an image depend on what is in it, not on when it is made.
build() {
  local image=$1 folder=$2
  shift 2
  command buildah "${storage[@]}" bud --quiet --isolation chroot --timestamp 0 --tag "$image" "$@" "$folder" >&2
}

# What the build stage of the Dockerfile leaves behind, around a binary that is there already.
binary_stage() {
  install -D "$1" "$work/binary/out/doorward"
  install -D -m 644 LICENSE "$work/binary/out/usr/share/doorward/LICENSE"
  install -D -m 644 /etc/ssl/certs/ca-certificates.crt "$work/binary/out/etc/ssl/certs/ca-certificates.crt"
  echo "$work/binary"
}

# No base image is fetched: the build stage has this machine's Rust, C compiler and Debian, in the places of the official image. What
# it compiles stays in target/image.
rust_stage() {
  local rust
  rust=$(rustc --print sysroot)
  mkdir -p "$work/rust/"{usr,etc,tmp,root,proc,sys,dev,cargo,rust} target/image/{target,tools}
  ln -s usr/bin usr/sbin usr/lib usr/lib64 "$work/rust"
  cat >"$work/rust/Dockerfile" <<'END'
FROM scratch
COPY . /
ENV PATH=/rust/bin:/usr/local/bin:/usr/bin:/bin CARGO_HOME=/cargo
END
  build rust "$work/rust"
  rust_options=(--build-arg RUST=localhost/rust --volume "$rust:/rust:ro" --volume /usr:/usr:ro --volume /etc:/etc:ro
    --volume "${CARGO_HOME:-$HOME/.cargo}/registry:/cargo/registry"
    --volume "$PWD/target/image/target:/doorward/target" --volume "$PWD/target/image/tools:/tools")
}

# program_image IMAGE BINARY [FOLDER...]: an image that holds a program of this machine, the libraries that it loads, and folders.
program_image() {
  local image=$1 binary=$2 root=$work/program name
  name=$(basename "$binary")
  shift 2
  rm -rf "$root"
  mkdir -p "$root/tmp"
  ldd "$binary" | grep -o '/[^ ]*' | xargs cp --dereference --parents --target-directory "$root"
  install -D "$binary" "$root/usr/local/bin/$name"
  (($# == 0)) || cp --recursive --parents "$@" "$root"
  cat >"$root/Dockerfile" <<END
FROM scratch
COPY . /
USER 65532:65532
ENTRYPOINT ["$name"]
END
  build "$image" "$root"
}
