# Sourced by tests/run.sh and examples/quickstart.sh: installs what a bare Debian 12 lacks.

# What berth needs to be built and to run the local cluster.
PACKAGES_BUILD="gcc libc6-dev cmake ninja-build pkg-config mold libh2o-evloop-dev libyajl-dev
libcurl4-openssl-dev libluajit-5.1-dev libsqlite3-dev libssl-dev python3-minimal python3 docker.io
containerd runc busybox-static iproute2 iptables util-linux procps curl openssl ca-certificates"
# What the tests need besides.
PACKAGES_TEST="clang clang-14 libclang-rt-14-dev llvm-14 libcriterion-dev docker-registry podman
docker-compose python3-docker haproxy nginx-light wrk luajit git"

say() {
    printf '%s\n' "$*"
}

# install_packages PACKAGE...: nothing is asked of the network when all are there.
install_packages() {
    missing=""
    for package in "$@"; do
        case "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null)" in
        *" installed") ;;
        *) missing="$missing $package" ;;
        esac
    done
    [ -n "$missing" ] || return 0
    say "installing:$missing"
    # Lists may be missing or older than the archive: update, then install. RUNLEVEL keeps
    # maintainer scripts from starting services (an nginx on port 80, another dockerd).
    export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
    apt-get update -q </dev/null >/dev/null 2>&1 || say "apt-get update failed, trying without"
    # shellcheck disable=SC2086
    apt-get install -q -y --no-install-recommends $missing </dev/null >/tmp/berth-apt.log 2>&1 || {
        tail -20 /tmp/berth-apt.log
        say "could not install:$missing (whole output: /tmp/berth-apt.log)"
        return 1
    }
}
