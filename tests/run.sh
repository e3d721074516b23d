#!/bin/bash
# Installs, builds and tests berth on a bare Debian 12, as root. No questions, no input.
# Each stage has a header and its time; the last line is `N passed, M failed`.
#   tests/run.sh             everything
#   tests/run.sh STAGE...    only these of: style asan clang release unit fuzz attack live sanitized chaos bench pages
# FUZZ_SECONDS (60): all fuzz targets together. BERTH_LIVE_BLOCK: the lab's block of addresses.
set -u
cd "$(dirname "$0")/.." || exit 1
exec </dev/null
. tests/packages.sh

FUZZ_SECONDS=${FUZZ_SECONDS:-60}
LOGS=build/run-logs
passed=0
failed=0
failures=""
began=$SECONDS

if [ "$(id -u)" -ne 0 ]; then
    say "tests/run.sh needs root: it installs packages and starts Docker engines. Run it with sudo."
    exit 1
fi

count() { # count PASSED FAILED
    passed=$((passed + $1))
    failed=$((failed + $2))
}

# stage NAME TITLE: header, then stage_NAME; its own count must have been added by then.
wanted=" $* "
stage() {
    [ "$wanted" = "  " ] || [ "${wanted#* "$1" }" != "$wanted" ] || return 0
    say ""
    say "== $2"
    local from=$SECONDS before=$failed
    "stage_$1"
    if [ "$failed" -ne "$before" ]; then
        failures="$failures $1"
    fi
    say "== $1: $((SECONDS - from)) s"
}

# logged NAME COMMAND...: one check; output only when it fails.
logged() {
    local name=$1
    shift
    if "$@" >"$LOGS/$name.log" 2>&1; then
        count 1 0
        say "ok      $name"
    else
        count 0 1
        grep -E -m 20 'error|FAILED|undefined' "$LOGS/$name.log" || tail -40 "$LOGS/$name.log"
        say "FAILED  $name (whole output: $LOGS/$name.log)"
        return 1
    fi
}

build() { # build FOLDER CMAKE-OPTION...
    local folder=$1
    shift
    cmake -S . -B "$folder" -G Ninja -DWERROR=ON "$@" && ninja -C "$folder"
}

stage_style() {
    logged style tests/style/check.sh
}

stage_asan() {
    logged build-asan build build/asan -DSANITIZE=ON -DCMAKE_BUILD_TYPE=Debug
}

stage_clang() {
    logged build-clang env CC=clang bash -c "$(declare -f build); build build/fuzz \
        -DCMAKE_C_COMPILER=clang -DFUZZ=ON -DSANITIZE=ON -DCMAKE_BUILD_TYPE=Debug"
}

stage_release() {
    logged build-release build build/release -DCMAKE_BUILD_TYPE=Release -DTESTS=OFF
}

stage_unit() {
    local program name line good bad
    for program in build/asan/unit/unit_*; do
        [ -x "$program" ] || { say "FAILED  no unit tests: the build failed"; count 0 1; return; }
        name=$(basename "$program")
        timeout 600 "$program" -j2 >"$LOGS/$name.log" 2>&1
        local status=$?
        # [====] Synthesis: Tested: 12 | Passing: 12 | Failing: 0 | Crashing: 0
        line=$(sed -e 's/\x1b\[[0-9;]*m//g' "$LOGS/$name.log" | grep 'Synthesis:' | tail -1)
        good=$(sed -nE 's/.*Passing: ([0-9]+).*/\1/p' <<<"$line")
        bad=$(sed -nE 's/.*Failing: ([0-9]+).*/\1/p' <<<"$line")
        local crashed
        crashed=$(sed -nE 's/.*Crashing: ([0-9]+).*/\1/p' <<<"$line")
        good=${good:-0}
        bad=$((${bad:-0} + ${crashed:-0}))
        if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
            bad=1
        fi
        count "$good" "$bad"
        if [ "$bad" -ne 0 ]; then
            grep -vE '^\[----\] *$' "$LOGS/$name.log" | tail -40
            say "FAILED  $name: $good passed, $bad failed, exit status $status"
        else
            say "ok      $name: $good passed"
        fi
    done
}

stage_fuzz() {
    local targets=(build/fuzz/fuzz/fuzz_*) each program name corpus
    [ -x "${targets[0]}" ] || { say "FAILED  no fuzz targets: the build failed"; count 0 1; return; }
    each=$((FUZZ_SECONDS / ${#targets[@]}))
    [ "$each" -ge 1 ] || each=1
    for program in "${targets[@]}"; do
        name=$(basename "$program")
        corpus=tests/fuzz/corpus/${name#fuzz_}
        # A folder of its own takes what it finds; the repository's corpus is only read.
        rm -rf "build/fuzz/found/$name"
        mkdir -p "build/fuzz/found/$name"
        [ -d "$corpus" ] || corpus=""
        # shellcheck disable=SC2086
        logged "$name" timeout $((each * 4 + 120)) "$program" -max_total_time="$each" -timeout=10 \
            -rss_limit_mb=2048 -artifact_prefix="build/fuzz/found/$name-" -verbosity=0 \
            -max_len=65536 "build/fuzz/found/$name" $corpus
    done
}

# live TITLE FOLDER ARGUMENT...: the live harness; its last line is its count.
live() {
    local name=$1 folder=$2 line
    shift 2
    BERTH_BIN=$folder timeout 1200 /usr/bin/python3 tests/live/run.py "$@" 2>&1 |
        tee "$LOGS/$name.log"
    line=$(tail -1 "$LOGS/$name.log")
    if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
        count "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
    else
        say "FAILED  $name: no count at its end"
        count 0 1
    fi
}

stage_live() {
    live live build/release
}

# Needs no engines: a recording stub stands in for them.
stage_attack() {
    local line
    timeout 600 /usr/bin/python3 tests/attack/run.py build/asan/berthd 2>&1 | tee "$LOGS/attack.log"
    line=$(tail -1 "$LOGS/attack.log")
    if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
        count "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
    else
        say "FAILED  attack: no count at its end"
        count 0 1
    fi
}

stage_sanitized() {
    live live-sanitized build/asan --quick
}

stage_chaos() {
    local line
    BERTH_BIN=build/release timeout 900 /usr/bin/python3 tests/chaos/run.py --seed 1 --rounds 3 \
        --seconds 60 --again 2 2>&1 | tee "$LOGS/chaos.log"
    line=$(tail -1 "$LOGS/chaos.log")
    if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
        count "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
    else
        say "FAILED  chaos: no count at its end"
        count 0 1
    fi
}

stage_bench() {
    [ -x tests/bench/quick.sh ] || { say "no quick benchmark"; return; }
    logged bench timeout 300 tests/bench/quick.sh && cat "$LOGS/bench.log"
}

stage_pages() {
    logged pages tests/style/pages.py --check
}

say "== packages"
# shellcheck disable=SC2086
install_packages $PACKAGES_BUILD $PACKAGES_TEST || { say "0 passed, 1 failed"; exit 1; }
mkdir -p "$LOGS"

stage style "style: sizes, include direction, library users, banned calls"
stage asan "build: gcc, -Werror, address and undefined-behaviour sanitizers"
stage clang "build: clang, -Werror, sanitizers, fuzz targets"
stage release "build: gcc, -Werror, release"
stage unit "unit tests, sanitized"
stage fuzz "fuzz targets, $FUZZ_SECONDS s in all"
stage attack "attacks on access control, sanitized build"
stage live "live tests: real engines, stock clients, release build"
stage sanitized "live tests, sanitized build, quick ones"
stage chaos "chaos: three rounds of a minute, seeds 1 to 3"
stage bench "quick benchmark: figures, no verdict"
stage pages "generated pages"

say ""
say "took $((SECONDS - began)) s${failures:+; failed stages:$failures}"
say "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
