"""Every route of the Docker API through berth and directly on an engine (tests/conformance).

BERTH_WRITE=1 writes docs/conformance.md instead of comparing with it.
"""

import os
import sys

from harness import *

sys.path.insert(0, os.path.join(ROOT, "tests", "conformance"))
import conformance  # noqa: E402

GROUP = group(nodes=3)
PAGE = os.path.join(ROOT, "docs", "conformance.md")
RESULTS = {}


def results(c):
    """All calls, made once: first through berth, then on an engine that is as it was before."""
    if not RESULTS:
        ours = conformance.run_all((c.address, PORT))
        c.clear()
        node = c.nodes[0]
        theirs = conformance.run_all((node.address, 2375))
        RESULTS["description"] = conformance.Description()
        RESULTS["rows"] = conformance.compare(ours, theirs, RESULTS["description"])
    return RESULTS["rows"], RESULTS["description"]


@seconds(200)
def test_every_call_agrees(c):
    rows, _ = results(c)
    wrong = ["%s [%s]: %s" % (case.route, case.what, "; ".join(texts))
             for case, _, texts in rows if texts]
    if wrong:
        raise AssertionError("%d of %d calls differ:\n%s" % (len(wrong), len(rows),
                                                             "\n".join(wrong)))


@keep
def test_every_route_is_called(c):
    equal(conformance.uncovered(conformance.Description()), [])


@keep
@seconds(200)
def test_the_page_is_up_to_date(c):
    rows, description = results(c)
    text = conformance.page(rows, description)
    if os.environ.get("BERTH_WRITE"):
        with open(PAGE, "w") as out:
            out.write(text)
    with open(PAGE) as kept:
        if kept.read() != text:
            raise AssertionError("docs/conformance.md is old: BERTH_WRITE=1 tests/live/run.py -k "
                                 "conformance")
