"""The walk (walk.py, walk_objects.py) over a cluster of one engine, given to berthd by --node."""

from walk import *  # noqa: F401,F403
from walk_objects import *  # noqa: F401,F403

GROUP = group(nodes=1, static=True)
