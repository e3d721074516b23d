#!/bin/sh
# The benchmarks, short: prints figures, fails only when something does not work at all.
set -eu
cd "$(dirname "$0")/../.."
build/release/bench/bench_access
exec tests/bench/proxy.py --quick
