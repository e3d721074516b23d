"""A node whose engine is podman's API service instead of dockerd. Debian's podman 4.3.1 writes into
/etc/containers, /etc/cni and /var/lib, so the node has its own of each."""

import os
import shutil

# Inside the node, before podman: its own folders where podman has fixed ones.
START = r"""
set -e
for pair in etc:/etc/containers cni:/etc/cni var:/var/lib/containers varcni:/var/lib/cni; do
    mkdir -p "${pair#*:}"
    mountpoint -q "${pair#*:}" || mount --bind "$DIR/podman/${pair%%:*}" "${pair#*:}"
done
exec podman --root "$DIR/data" --runroot /run/containers/storage --cgroup-manager cgroupfs --runtime runc \
    --events-backend file --log-level warn system service --time 0 "$URL"
"""

# The default limits of podman are higher than what a plain shell may give, and its API mixes up
# soft and hard limits: both the same.
LIMITS = '[containers]\ndefault_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]\n'


def prepare(node):
    if not shutil.which("podman"):
        raise RuntimeError("missing packages: apt-get install podman")
    for name in ("cni", "var", "varcni"):
        os.makedirs(os.path.join(node.dir, "podman", name), exist_ok=True)
    folder = os.path.join(node.dir, "podman", "etc")
    if not os.path.exists(folder):
        shutil.copytree("/etc/containers", folder, symlinks=True)
    with open(os.path.join(folder, "containers.conf"), "w") as out:
        out.write(LIMITS)


def start(node, env):
    prepare(node)
    return node.spawn(["sh", "-c", START], "podman.log", dict(env, DIR=node.dir, URL=node.url))
