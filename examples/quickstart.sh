#!/bin/bash
# A whole cluster on this machine: three real Docker engines, three agents and one berthd.
# For a bare Debian 12, as root. Installs what is missing, builds, starts; may be run again.
#   examples/quickstart.sh          install, build, start
#   examples/quickstart.sh status   what runs
#   examples/quickstart.sh down     ends all of it, containers and all
# PORT (1234): where berthd listens on 127.0.0.1. BLOCK (0): the addresses 10.83.BLOCK.x.
set -eu
cd "$(dirname "$0")/.."
. tests/packages.sh

PORT=${PORT:-1234}
BLOCK=${BLOCK:-0}
DIR=/tmp/berth-quickstart-$BLOCK
HOST=tcp://127.0.0.1:$PORT
export BERTH_LIVE_BLOCK=$BLOCK

lab() {
    /usr/bin/python3 tests/lab/lab.py "$@"
}

# The pid of our berthd, if that very program still runs.
berthd_pid() {
    local pid
    pid=$(cat "$DIR/berthd.pid" 2>/dev/null) || return 1
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = berthd ] || return 1
    printf '%s\n' "$pid"
}

down() {
    local pid
    if pid=$(berthd_pid); then
        kill -TERM "$pid"
        for _ in $(seq 150); do
            [ -d "/proc/$pid" ] || break
            sleep 0.1
        done
        [ ! -d "/proc/$pid" ] || kill -KILL "$pid" || true
    fi
    lab down
    rm -rf "$DIR"
    [ "$(readlink "$PLUGIN" 2>/dev/null)" != "$PWD/build/release/docker-berth" ] || rm -f "$PLUGIN"
}

ready() {
    say ""
    say "The cluster is up. Its engines are node-1, node-2 and node-3, 1 CPU and 2 GB each;"
    say "node-1 is tagged storage=ssd, node-2 storage=disk. Images: busybox redis nginx mysql."
    say ""
    say "    export DOCKER_HOST=$HOST"
    say "    docker run -d -P --name redis redis"
    say "    docker ps"
    say ""
    say "The guide: docs/guide.md. Logs: $DIR/*.log. The end: examples/quickstart.sh down"
}

say_needs_root() {
    say "The quick start needs root: it installs packages and starts Docker engines."
    say "Run: sudo $0 ${*:-}"
}

if [ "$(id -u)" -ne 0 ]; then
    say_needs_root "$@"
    exit 1
fi
PLUGIN=${HOME:-/root}/.docker/cli-plugins/docker-berth

case "${1:-up}" in
up) ;;
down)
    down
    say "all of it has ended"
    exit 0
    ;;
status)
    if pid=$(berthd_pid); then
        say "berthd   pid $pid, $HOST"
    else
        say "berthd   not running"
    fi
    lab status
    exit 0
    ;;
*)
    sed -n '2,7s/^# //p' "$0"
    exit 1
    ;;
esac

if berthd_pid >/dev/null; then
    say "The cluster already runs (examples/quickstart.sh down ends it)."
    ready
    exit 0
fi
if (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null; then
    say "Port $PORT on 127.0.0.1 is taken. End what listens there, or choose another port:"
    say "    PORT=12345 $0"
    exit 1
fi

say "[1/4] packages"
# shellcheck disable=SC2086
install_packages $PACKAGES_BUILD

say "[2/4] build (build/release)"
mkdir -p build
cmake -S . -B build/release -G Ninja -DCMAKE_BUILD_TYPE=Release -DTESTS=OFF >build/quickstart.log
ninja -C build/release berthd berth-agent docker-berth >>build/quickstart.log 2>&1 || {
    grep -E -m 20 'error|FAILED' build/quickstart.log || tail -20 build/quickstart.log
    say "the build failed (whole output: build/quickstart.log)"
    exit 1
}

say "[3/4] three engines"
trap 'say "starting failed, ending what was started"; down' EXIT
lab up --nodes 3 --memory 2g --cpus 1
mkdir -p -m 700 "$DIR"
(umask 077 && head -c 24 /dev/urandom | base64 | tr -d '\n' >"$DIR/token")

say "[4/4] berthd and three agents"
MANAGER=10.83.$BLOCK.254:$PORT # how the nodes reach this machine
setsid build/release/berthd --manage-cluster cluster-1 -H "$HOST" -H "tcp://$MANAGER" \
    --insecure-tcp --token-file "$DIR/token" >"$DIR/berthd.log" 2>&1 </dev/null &
echo $! >"$DIR/berthd.pid"

agent() { # agent NODE FLAG...
    local node=$1
    shift
    # Ends with its node: `lab down` ends everything in the node's namespaces.
    setsid /usr/bin/python3 tests/lab/lab.py exec "$node" -- "$PWD/build/release/berth-agent" \
        --join-cluster cluster-1 --manager "http://$MANAGER" --token-file "$DIR/token" \
        --engine "tcp://10.83.$BLOCK.${node#node-}:2375" --memory 2g --cpus 1 "$@" \
        >"$DIR/agent-$node.log" 2>&1 </dev/null &
}
agent node-1 --constraint storage=ssd
agent node-2 --constraint storage=disk
agent node-3

for _ in $(seq 300); do
    berthd_pid >/dev/null || {
        tail -5 "$DIR/berthd.log"
        say "berthd ended at its start"
        exit 1
    }
    nodes=$(curl -s --noproxy '*' "http://127.0.0.1:$PORT/_berth/v1/nodes" |
        grep -o '"state":"ready"' | wc -l) || nodes=0
    [ "$nodes" -lt 3 ] || break
    sleep 0.1
done
if [ "$nodes" -lt 3 ]; then
    tail -n 5 "$DIR"/*.log
    say "only $nodes of 3 nodes joined"
    exit 1
fi
trap - EXIT
mkdir -p "$(dirname "$PLUGIN")"
[ -e "$PLUGIN" ] || ln -s "$PWD/build/release/docker-berth" "$PLUGIN"
ready
