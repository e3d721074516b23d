#!/usr/bin/env python3
"""Measures berth's HTTP path beside haproxy and nginx, on this machine, in alternating runs.

    tests/bench/proxy.py [--quick] [--build DIR] [--rounds N]

Prints medians of CPU per request (2 KB JSON, keep-alive), CPU per GB of a 64 MB download and of a
1 GB chunked upload, and resident memory. "berthd" is the whole program (a diff, an export and
an upload to a container of its one node: routes, rules, lookups, headers), "relay" its HTTP path
alone, which does what the others do. The proxy runs on CPU 0, load and origin on CPU 1.
CPU comes from /proc/PID/schedstat: it is what can be trusted on a machine that does other things.
Never fails on figures; fails when a proxy does not work. Needs Debian's haproxy, nginx-light, wrk;
what is missing is left out."""

import argparse
import http.client
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

GB = 1e9


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, process):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"ended at once: {process.args}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"does not listen: {process.args}")


def family(pid):
    """The process and its children (nginx and haproxy fork)."""
    pids = [pid]
    for candidate in pids:
        try:
            with open(f"/proc/{candidate}/task/{candidate}/children") as children:
                pids += [int(child) for child in children.read().split()]
        except OSError:
            pass
    return pids


def cpu_seconds(pid):
    total = 0
    for member in family(pid):
        for task in os.listdir(f"/proc/{member}/task"):
            with open(f"/proc/{member}/task/{task}/schedstat") as stat:
                total += int(stat.read().split()[0])
    return total / 1e9


def resident_kib(pid):
    total = 0
    for member in family(pid):
        with open(f"/proc/{member}/status") as status:
            total += int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))
    return total


class Proxy:
    """A running program and the paths that it is asked for."""

    small, large, load = "/json", "/bytes/64000000", "/load"

    def __init__(self, name, port, command):
        self.name, self.port = name, port
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_for(port, self.process)
        self.idle_kib = resident_kib(self.process.pid)

    def cpu(self):
        return cpu_seconds(self.process.pid)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def pinned(cpu, command):
    return ["taskset", "-c", str(cpu)] + command if shutil.which("taskset") else command


def start_relay(options, origin_port):
    port = free_port()
    front = os.path.join(options.build, "bench/bench_front")
    return Proxy("relay", port, pinned(0, [front, f"tcp://127.0.0.1:{port}",
                                           f"tcp://127.0.0.1:{origin_port}"]))


def start_berthd(options, origin_port):
    port = free_port()
    berthd = Proxy("berthd", port, pinned(0, [
        os.path.join(options.build, "berthd"), "-H", f"tcp://127.0.0.1:{port}", "--log-level",
        "warning", "--node", f"bench=tcp://127.0.0.1:{origin_port}"]))
    berthd.small = "/v1.41/containers/one/changes"
    berthd.large = "/v1.41/containers/one/export"
    berthd.load = "/v1.41/images/load"
    deadline = time.monotonic() + 20
    while status_of(port, berthd.small) != 200:
        if time.monotonic() > deadline:
            berthd.stop()
            raise RuntimeError("berthd does not find its node's container")
        time.sleep(0.05)
    return berthd


def status_of(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def start_haproxy(folder, origin_port):
    port, path = free_port(), os.path.join(folder, "haproxy.cfg")
    with open(path, "w") as out:
        out.write(f"""
global
    nbthread 1
    maxconn 4096
defaults
    mode http
    timeout connect 5s
    timeout client 300s
    timeout server 300s
    http-reuse always
frontend f
    bind 127.0.0.1:{port}
    default_backend b
backend b
    server s 127.0.0.1:{origin_port} pool-max-conn 256
""")
    return Proxy("haproxy", port, pinned(0, ["haproxy", "-db", "-q", "-f", path]))


def start_nginx(folder, origin_port):
    port, path = free_port(), os.path.join(folder, "nginx.conf")
    with open(path, "w") as out:
        out.write(f"""
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
worker_processes 1;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_max_body_size 0;
    keepalive_requests 100000000;
    client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    upstream o {{ server 127.0.0.1:{origin_port}; keepalive 256; keepalive_requests 100000000; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://o;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_request_buffering off;
        }}
    }}
}}
""")
    return Proxy("nginx", port,
                 pinned(0, ["nginx", "-e", f"{folder}/nginx.log", "-c", path, "-p", folder]))


def small_requests(proxy, seconds):
    """(CPU us per request, requests per second)"""
    before = proxy.cpu()
    text = subprocess.run(pinned(1, ["wrk", "-t1", "-c32", f"-d{seconds}",
                                     f"http://127.0.0.1:{proxy.port}{proxy.small}"]),
                          check=True, capture_output=True, text=True).stdout
    used = proxy.cpu() - before
    if "Non-2xx" in text or "Socket errors" in text:
        raise RuntimeError(f"{proxy.name}: {text}")
    count = int(re.search(r"(\d+) requests in", text).group(1))
    return used / count * 1e6, count / seconds


def download(proxy, times):
    """(CPU seconds per GB, MB per second)"""
    length, scratch = 64 * 1000 * 1000, bytearray(1 << 20)
    before, start = proxy.cpu(), time.monotonic()
    for _ in range(times):
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=120)
        connection.request("GET", proxy.large)
        answer, got = connection.getresponse(), 0
        while True:
            part = answer.readinto(scratch)
            if not part:
                break
            got += part
        connection.close()
        if got != length:
            raise RuntimeError(f"{proxy.name}: {got} of {length} bytes")
    total = times * length
    return (proxy.cpu() - before) / total * GB, total / (time.monotonic() - start) / 1e6


def upload(proxy, length):
    """(CPU seconds per GB, MB per second)"""
    piece = b"10000\r\n" + bytes(65536) + b"\r\n"
    before, start = proxy.cpu(), time.monotonic()
    with socket.create_connection(("127.0.0.1", proxy.port), 120) as client:
        client.sendall(f"POST {proxy.load} HTTP/1.1\r\nHost: a\r\n"
                       "Transfer-Encoding: chunked\r\n\r\n".encode())
        for _ in range(length // 65536):
            client.sendall(piece)
        client.sendall(b"0\r\n\r\n")
        if not client.recv(4096).startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{proxy.name}: upload was not answered well")
    return (proxy.cpu() - before) / length * GB, length / (time.monotonic() - start) / 1e6


def measure(proxies, rounds, seconds, downloads, upload_bytes):
    figures = {proxy.name: {"small": [], "download": [], "upload": []} for proxy in proxies}
    for turn in range(rounds):
        for proxy in proxies[turn % len(proxies):] + proxies[:turn % len(proxies)]:
            mine = figures[proxy.name]
            mine["small"].append(small_requests(proxy, seconds))
            mine["download"].append(download(proxy, downloads))
            mine["upload"].append(upload(proxy, upload_bytes))
    return figures


def show(proxies, figures):
    print(f"{'':10}{'2 KB JSON':>24}{'64 MB download':>24}{'chunked upload':>24}{'RSS KiB':>16}")
    print(f"{'':10}{'us/req (min)':>16}{'req/s':>8}" + f"{'s/GB (min)':>16}{'MB/s':>8}" * 2
          + f"{'idle':>8}{'after':>8}")
    for proxy in proxies:
        line = f"{proxy.name:10}"
        for kind, digits in (("small", 1), ("download", 2), ("upload", 2)):
            cost = [pair[0] for pair in figures[proxy.name][kind]]
            rate = statistics.median(pair[1] for pair in figures[proxy.name][kind])
            text = f"{statistics.median(cost):.{digits}f} ({min(cost):.{digits}f})"
            line += f"{text:>16}{rate:>8.0f}"
        print(line + f"{proxy.idle_kib:>8}{resident_kib(proxy.process.pid):>8}")


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one short round, for CI")
    parser.add_argument("--build", default=os.path.join(here, "../../build/release"))
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    origin_port = free_port()
    running = []
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # nginx's worker is another user
        try:
            running.append(Proxy("direct", origin_port,
                                 pinned(1, [os.path.join(options.build, "bench/bench_origin"),
                                            str(origin_port)])))
            proxies = []
            for start in (start_relay, start_berthd):
                proxies.append(start(options, origin_port))
                running.append(proxies[-1])
            for program, start in (("haproxy", start_haproxy), ("nginx", start_nginx)):
                if shutil.which(program):
                    proxies.append(start(folder, origin_port))
                    running.append(proxies[-1])
            if not shutil.which("wrk"):
                sys.exit("wrk is needed")
            if options.quick:
                figures = measure(proxies, 1, 1, 2, 64 * 1000 * 1000)
            else:
                figures = measure(proxies, options.rounds, 3, 6, 1000 * 1000 * 1000)
            show(proxies, figures)
        finally:
            for proxy in reversed(running):
                proxy.stop()


if __name__ == "__main__":
    main()
