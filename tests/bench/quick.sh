#!/bin/sh
# The benchmarks, short: prints figures, fails only when something does not work at all.
set -eu
cd "$(dirname "$0")/../.."
exec tests/bench/proxy.py --quick
