"""The walk (walk.py, walk_objects.py) with Debian's client of 2020 over two engines."""

from walk import *  # noqa: F401,F403
from walk_objects import *  # noqa: F401,F403

GROUP = group(nodes=2, client="/usr/bin/docker")
