#!/usr/bin/python3
"""Runs the live tests: real engines, a real berthd, stock clients.

    run.py [-k WORD]... [--quick] [--list] [--keep] [FILE...]

BERTH_BIN: folder of the programs (default build/release; build/asan: sanitizer reports fail the
run). BERTH_LIVE_BLOCK: the lab's block (default 1). A failed test runs once more, alone; if it then
passes it counts as passed and is listed as UNSTEADY. Last line: `N passed, M failed`.
"""

import argparse
import faulthandler
import glob
import importlib.util
import os
import shutil
import signal
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
from lab import Lab, parse_size, wait_for  # noqa: E402,F401


class TooLong(BaseException):
    """A test's time is over. Not an Exception, so that no test swallows it."""


def collect(options):
    """[(file name, module, [test functions])] in the order of names and of lines."""
    here = os.path.dirname(os.path.abspath(__file__))
    paths = options.files or sorted(glob.glob(os.path.join(here, "test_*.py")))
    found = []
    for path in paths:
        name = os.path.basename(path)[:-3]
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        tests = [value for key, value in vars(module).items()
                 if key.startswith("test_") and callable(value)]
        tests.sort(key=lambda test: (test.__code__.co_filename, test.__code__.co_firstlineno))
        if options.words:
            tests = [test for test in tests
                     if any(word in name + "." + test.__name__ for word in options.words)]
        if options.quick:
            tests = [test for test in tests if getattr(test, "quick", False)]
        if tests:
            found.append((name, module, tests))
    return found


class Runner:
    def __init__(self, logs, most, registry):
        self.logs, self.most, self.registry = logs, most, registry
        self.lab = None
        self.podman = None  # how many of the lab's nodes are podman's; None: no lab yet
        self.context = None
        self.passed, self.failed, self.unsteady, self.skipped = [], [], [], []

    def say(self, text):
        print(text, flush=True)

    # ---- surroundings ----
    def lab_for(self, needs):
        """One lab for the whole run, as large as its largest group; another one for podman's."""
        if self.lab is None:
            lab = Lab()
            lab.claim()
            self.lab = lab
        if self.podman != needs.podman:
            begun = time.monotonic()
            count = needs.nodes if needs.podman else self.most
            self.lab.up(count, parse_size("2g"), None, self.registry, podman=needs.podman)
            self.podman = needs.podman
            self.say("lab: %d engines in %.1f s" % (count, time.monotonic() - begun))
        for node in list(self.lab)[:needs.nodes]:
            node.heal()
            if not node.engine_pid():
                node.start()
                node.wait_ready()

    def open(self, name, needs):
        folder = os.path.join(self.lab.dir, "live", "%s-%d" % (name, time.monotonic_ns()))
        os.makedirs(folder)
        self.context = harness.Context(self.lab, needs, folder)
        self.context.start()

    def close(self):
        """Ends the group's programs; what was wrong with them."""
        context, self.context = self.context, None
        if context is None:
            return []
        try:
            wrong = context.check_berthd()
        finally:
            ended = context.end()
        return wrong + ended

    # ---- one test ----
    def limited(self, test, limit):
        """Runs test(context) with an alarm."""
        def over(*_):
            raise TooLong("not done within %d seconds" % limit)
        signal.signal(signal.SIGALRM, over)
        signal.alarm(limit)
        faulthandler.dump_traceback_later(limit + 60, exit=True)
        try:
            test(self.context)
        finally:
            signal.alarm(0)
            faulthandler.cancel_dump_traceback_later()

    def attempt(self, module, test):
        """Runs one test; None, or the text of its failure."""
        limit = getattr(test, "seconds", 60) * (4 if harness.SANITIZED else 2)
        try:
            if not getattr(test, "keep", False):
                self.limited(lambda context: context.clear(), 60)
            self.limited(test, limit)
        except harness.Skip as skip:
            self.skipped.append((test.__name__, str(skip)))
        except (KeyboardInterrupt, SystemExit):
            raise  # the run itself is to end
        except BaseException:  # TooLong as well
            return traceback.format_exc(limit=-8)
        return None

    def report(self, name, text, again=False):
        self.say("---- %s%s ----\n%s" % (name, " (second run)" if again else "", text.strip()))
        if self.context is None:
            return
        kept = os.path.join(self.logs, name + ("-again" if again else ""))
        shutil.rmtree(kept, ignore_errors=True)
        os.makedirs(kept)
        for log in sorted({program.log for program in self.context.programs}):
            shutil.copy(log, kept)
            if os.path.basename(log) == "berthd.log":
                self.say("---- end of berthd's log (all logs: %s) ----\n%s"
                         % (os.path.relpath(kept, harness.ROOT), harness.tail(log, 30).strip()))
        for node in self.context.nodes:
            engine = "podman" if node.podman else "dockerd"
            shutil.copy(os.path.join(node.dir, engine + ".log"),
                        os.path.join(kept, "%s-%s.log" % (node.name, engine)))

    # ---- groups ----
    def reopen(self, name, needs):
        for problem in self.close():
            self.say("%s: %s" % (name, problem))
        self.lab_for(needs)
        self.open(name, needs)

    def again(self, name, module, tests, index):
        """The second run of a failed test, on a fresh berthd; the @keep chain before it too."""
        first = index
        while first > 0 and getattr(tests[first], "keep", False):
            first -= 1
        try:
            self.reopen(name, module.GROUP)
        except Exception:
            return traceback.format_exc(limit=-8)
        for test in tests[first:index + 1]:
            text = self.attempt(module, test)
            if text:
                return text
        return None

    def run_group(self, name, module, tests):
        needs = module.GROUP
        try:
            self.lab_for(needs)
            self.open(name, needs)
        except Exception:
            text = traceback.format_exc(limit=-8)
            self.report(name, text)
            self.failed.append(name + " (start)")
            self.say("FAILED  %s: its cluster did not start; %d tests not run"
                     % (name, len(tests)))
            self.close()
            return
        for index, test in enumerate(tests):
            full = "%s.%s" % (name, test.__name__)
            begun = time.monotonic()
            skipped = len(self.skipped)
            text = self.attempt(module, test)
            if text:
                self.report(full, text)
                text = self.again(name, module, tests, index)
                if text:
                    self.report(full, text, again=True)
                    self.failed.append(full)
                else:
                    self.unsteady.append(full)
            word = "FAILED" if text else "skipped" if len(self.skipped) > skipped else "ok"
            if word != "skipped" and not text:
                self.passed.append(full)
            self.say("%-7s %s (%.1f s)" % (word, full, time.monotonic() - begun))
            if text and not self.recover(name, needs):
                self.failed.append(name + " (after a failure)")
                return
        wrong = self.close()
        for problem in wrong:
            self.say("FAILED  %s: %s" % (name, problem))
        if wrong:
            self.failed.append(name + " (at its end)")
        else:
            self.passed.append(name + " (memory, descriptors, orderly end)")

    def recover(self, name, needs):
        """After a failure the next tests get a fresh cluster."""
        try:
            self.reopen(name, needs)
            return True
        except Exception:
            self.say(traceback.format_exc(limit=-8))
            return False


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-k", dest="words", action="append", default=[], metavar="WORD")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--keep", action="store_true", help="leave the lab running")
    parser.add_argument("files", nargs="*", metavar="FILE")
    options = parser.parse_args()
    found = collect(options)
    if options.list:
        for name, _, tests in found:
            for test in tests:
                print("%s.%s%s" % (name, test.__name__,
                                   " (quick)" if getattr(test, "quick", False) else ""))
        return 0
    if not os.access(os.path.join(harness.BIN, "berthd"), os.X_OK):
        sys.exit("no berthd in %s: build it first" % harness.BIN)
    logs = os.path.join(harness.ROOT, "build", "live-logs")
    os.makedirs(logs, exist_ok=True)
    runner = Runner(logs, max([module.GROUP.nodes for _, module, _ in found] or [0]),
                    any(module.GROUP.registry for _, module, _ in found))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        for name, module, tests in found:
            runner.run_group(name, module, tests)
    finally:
        runner.close()
        if runner.lab is not None and not options.keep:
            runner.lab.down()
    for name, why in runner.skipped:
        print("skipped: %s: %s" % (name, why))
    for name in runner.unsteady:
        print("UNSTEADY: %s failed once, then passed" % name)
    for name in runner.failed:
        print("FAILED: %s" % name)
    print("%d passed, %d failed" % (len(runner.passed), len(runner.failed)))
    return 1 if runner.failed else 0


if __name__ == "__main__":
    sys.exit(main())
