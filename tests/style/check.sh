#!/bin/sh
# The style rules a machine can check; see check.py. Exit status 0 when all hold.
exec /usr/bin/python3 "$(dirname "$0")/check.py"
