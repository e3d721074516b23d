"""The walk (walk.py, walk_objects.py) over three engines with agents, and what only several nodes can show."""

from walk import *  # noqa: F401,F403
from walk_objects import *  # noqa: F401,F403

GROUP = group(nodes=3, agents={"node-1": ["--constraint", "storage=ssd"]})
