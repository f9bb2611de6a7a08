#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run every test there is and say plainly how it went.

    tools/run-tests.py [WORD...]

Builds squib four ways (plain, with sanitizers, with clang, for aarch64), checks
layers and format, runs the unit tests of three of the builds and the Python
tests of two. With WORDs only those groups run whose name contains one. The last
line is "N passed, N failed, N skipped"; the exit code is 0 when none failed.

Tests of threads and processes on a machine that others load may fail without a
defect. So a unit program or a Python test that failed runs once more when all
else is done, alone. If it then passes it is flaky: marked FLAKY, with what it
said the first time above, listed and counted apart (", N flaky" at the end of
the last line), a fault of the test that somebody has to mend. No second run
excuses

  - a failed build or check, a crash (a signal, a sanitizer's report, a bug
    that squib found in itself) or a fuzz target's corpus;
  - a Python test that says it is firm, by the property "firm": what it saw
    must not happen once;
  - anything when more than MOST_FLAKY tests failed: that is no chance.

The run ends, however slow the machine is and whatever hangs: no test begins
after START_MINUTES, which counts as skipped, and what still runs after
END_MINUTES is ended and has failed. What failed is said once more at the end,
the last lines of each, so that the end of the log tells enough.
"""

import concurrent.futures
import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as xml

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PYTHON = "/usr/bin/python3"  # the one that Debian's pytest belongs to
JOBS = max(2, os.cpu_count() or 2)
SYSROOT = os.path.join(TOP, ".cache/sysroot-arm64")

SANITIZER_ENV = {
    "ASAN_OPTIONS": "abort_on_error=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "halt_on_error=1:abort_on_error=1:print_stacktrace=1",
    "SQUIB_TEST_SLOWNESS": "3",
}

# More failures than these are not chance, and run no second time.
MOST_FLAKY = 10

# Seconds that any unit program may take, however slow or loaded the machine.
LEAST_LIMIT = 300

# Minutes since the beginning, which is that of `make test`.
BEGAN = time.monotonic() - max(0, time.time() - float(
    os.environ.get("SQUIB_TEST_BEGAN") or time.time()))
START_MINUTES = 65
END_MINUTES = 84
TOO_LATE = "its turn came after %d minutes" % START_MINUTES

# Lines that the end of the log has for what failed, and how long one may be.
END_LINES = 60
END_WIDTH = 160

# What says in a test's output what was wrong: a guest, cmocka, pytest.
TELLING = re.compile(r"(?:E  )?\s*(not ok \S|# ?\S|it hung)|E  +(\S)")

# What says that something crashed, in a test's output.
CRASH = re.compile(r"(ERROR|SUMMARY|WARNING): \w+Sanitizer|: runtime error: \w|"
                   r"squib: bug at |Test failed with exception|"
                   r"intercepting signal|uncaught target signal|"
                   r"worker '\w+' crashed")

# The Python tests that the sanitizers' build runs, too.
ASAN_FOLDERS = ["tests/api", "tests/cli", "tests/guest"]

# Programs that the emulated run leaves out, and why.
NOT_EMULATED = {
    "vm/tty_test": "user emulation handles signals and job control itself",
}

class Build:
    """A build folder, the options that make it, and how its programs run."""

    def __init__(self, name, folder, options=(), env=None, slowness=1,
                 setup_env=None, runner=()):
        self.name = name
        self.folder = folder
        self.options = list(options)
        self.env = env or {}
        self.slowness = slowness
        self.setup_env = setup_env or {}
        self.runner = list(runner)


PLAIN = Build("plain", "build", ["-Dtests=enabled"])
ASAN = Build("asan+ubsan", "build-asan",
             ["-Dtests=enabled", "-Db_sanitize=address,undefined",
              # gcc's warnings are not reliable in instrumented code
              "-Doptimization=1", "-Dwerror=false"],
             SANITIZER_ENV, slowness=5)
CLANG = Build("clang", "build-clang", ["-Dtests=enabled"],
              setup_env={"CC": "clang"})
ARM64 = Build("aarch64", "build-aarch64",
              ["-Dtests=enabled", "--cross-file", ".cache/sysroot-arm64.ini",
               "--cross-file", "tools/cross-aarch64.ini"],
              {"SQUIB_TEST_EMULATED": "1"}, slowness=20,
              runner=["qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu",
                      "-E", "LD_LIBRARY_PATH=%s/usr/lib/aarch64-linux-gnu"
                      % SYSROOT])


class Doubt:
    """What failed and may run once more: rerun() says whether all of it passed,
    and gives its output and the seconds it took."""

    def __init__(self, rerun):
        self.rerun = rerun
        self.names = []


class Report:
    """Counts, prints as it goes, and remembers what to say at the end."""

    def __init__(self):
        self.passed = 0
        self.failed = []
        self.skipped = []
        self.doubts = []
        self.flaky = []
        self.said = {}
        self.lock = threading.Lock()
        self.tty = sys.stdout.isatty()

    def line(self, text):
        with self.lock:
            if self.tty:
                sys.stdout.write("\r\033[K")
            print(text, flush=True)

    def status(self, text):
        """What is going on now; only a terminal shows it."""
        if self.tty:
            width = shutil.get_terminal_size().columns - 1
            with self.lock:
                sys.stdout.write("\r\033[K" + text[:width])
                sys.stdout.flush()

    def group(self, name):
        self.line("")
        self.line(name)

    def row(self, word, name, note, seconds):
        self.line("  %-4s %-34s %-24s %6.1f s" % (word, name, note, seconds))

    def output(self, text, most=60):
        lines = text.rstrip().splitlines()
        if len(lines) > most:
            lines = ["(the last %d lines of %d)" % (most, len(lines))
                     ] + lines[-most:]
        for each in lines:
            self.line("       | " + each)

    def one(self, name, ok, seconds, note="", output=""):
        """A step that is one test by itself."""
        if ok:
            self.passed += 1
        else:
            self.failed.append(name)
            self.said[name] = output
        self.row("ok" if ok else "FAIL", name, note, seconds)
        if not ok:
            self.output(output)

    def many(self, name, cases, seconds, output="", where="", doubts=None):
        """Cases of one program or file: (name, "passed|failed|skipped", why);
        why one failed, if not said, is all of the output. Those that failed and
        have a doubt among `doubts` get a second chance."""
        count = {"passed": 0, "failed": 0, "skipped": 0}
        with self.lock:
            for case, how, why in cases:
                count[how] += 1
                if how == "passed":
                    self.passed += 1
                elif how == "failed":
                    full = "%s%s: %s" % (where, name, case)
                    self.said[full] = why or output
                    self.fail(full, (doubts or {}).get(case))
                else:
                    self.skipped.append("%s%s: %s: %s" % (
                        where, name, case, why or "no reason given"))
        note = ", ".join("%d %s" % (n, how) for how, n in count.items() if n)
        bad = count["failed"] > 0
        self.row("FAIL" if bad else "ok" if count["passed"] else "skip",
                 name, note or "no case", seconds)
        if bad:
            self.output(output)

    def fail(self, name, doubt):
        if not doubt:
            self.failed.append(name)
            return
        doubt.names.append(name)
        if doubt not in self.doubts:
            self.doubts.append(doubt)

    def second_chances(self):
        """What failed and is in doubt runs again, one after the other."""
        doubts, self.doubts = self.doubts, []
        if doubts:
            self.group("once more, alone")
        if len(doubts) > MOST_FLAKY:
            self.line("  not done: %d tests failed, which is no chance" %
                      len(doubts))
        for doubt in doubts:
            if len(doubts) > MOST_FLAKY or minutes() > END_MINUTES:
                self.failed += doubt.names
                continue
            good, output, seconds = doubt.rerun()
            (self.flaky if good else self.failed).extend(doubt.names)
            for name in doubt.names:
                self.row("FLAKY" if good else "FAIL", name, "", seconds)
            if not good:
                self.output(output)
                self.said.update(dict.fromkeys(doubt.names, output))

    def gist(self, name):
        """What was wrong with a test, in a line."""
        lines = self.said.get(name, "").strip().splitlines()
        telling = [TELLING.sub(r"\1\2", line, count=1) for line in
                   map(str.strip, lines) if TELLING.match(line)] or lines[-1:]
        text = " ".join(" ".join(telling[:4]).split())
        return name + ": " + text[:2 * END_WIDTH] if text else name

    def details(self):
        """The end of what each failure said, so that a log's end has it."""
        names = list(dict.fromkeys(self.failed))
        share = max(6, END_LINES // max(1, len(names)))
        for name in names[:END_LINES // share]:
            lines = [line for line in self.said.get(name, "").splitlines()
                     if line.strip() and not GOOD.match(line)]
            self.line("%s, the end of what it said:" % name)
            for line in lines[-share:]:
                self.line("  | " + line[:END_WIDTH])
            self.line("")

    def close(self, seconds):
        self.line("")
        for title, names in (("skipped", self.skipped),
                             ("flaky", self.flaky),
                             ("failed", self.failed)):
            if names is self.failed:
                self.details()
            if names:
                self.line("%s:" % title)
                for name in names:
                    self.line("  " + self.gist(name))
                self.line("")
        self.line("took %d min %02d s" % divmod(int(seconds), 60))
        self.line("%d passed, %d failed, %d skipped" % (
            self.passed, len(self.failed), len(self.skipped)) +
            (", %d flaky" % len(self.flaky) if self.flaky else ""))
        return 1 if self.failed else 0


report = Report()


def minutes():
    return (time.monotonic() - BEGAN) / 60


def end_group(process, number=signal.SIGKILL):
    """Ends what has a session of its own, and what it started in there."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        pass


def run_shown(title, argv, env=None, on_line=None, doing=None):
    """Run it, show its last line on a terminal and a sign of life elsewhere, or
    what `doing` says of now. Gives the exit code, the whole output and the
    seconds it took. It is ended when the whole run has to end."""
    start = time.monotonic()
    process = subprocess.Popen(argv, cwd=TOP, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True,
                               errors="replace", start_new_session=True,
                               env={**os.environ, **(env or {})})
    lines = []

    def read():
        for line in process.stdout:
            lines.append(line)
            if on_line:
                on_line(line)

    def now():
        return doing and doing() or (lines[-1].strip() if lines else "")

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    told = start
    try:
        while True:
            try:
                code = process.wait(1)
                break
            except subprocess.TimeoutExpired:
                took = time.monotonic() - start
            report.status("  .... %s (%d s) %s" % (title, took, now()))
            if not report.tty and time.monotonic() - told >= 15:
                told = time.monotonic()
                report.line("  .... %s, %d s: %s" % (title, took, now()[:100]))
            if minutes() > END_MINUTES:
                lines.append("\nended after %d s, the run's %d minutes being "
                             "over, in: %s\n" % (took, END_MINUTES, now()))
                end_group(process)
    finally:
        end_group(process)
    reader.join(10) # somebody it left behind may hold its output
    return code, "".join(lines), time.monotonic() - start


def scratch():
    """A folder for what tests leave; it goes with them."""
    return tempfile.TemporaryDirectory(prefix="squib-test-",
                                       ignore_cleanup_errors=True)


# --- builds -----------------------------------------------------------------


def has_tests(build):
    path = os.path.join(TOP, build.folder, "meson-info/intro-tests.json")
    try:
        with open(path) as f:
            return bool(json.load(f))
    except (OSError, ValueError):
        return False


def do_build(build):
    """Configure, when it is new or was made without tests, and build."""
    if os.path.exists(os.path.join(TOP, build.folder, "build.ninja")) and \
            not has_tests(build):
        run_shown("reconfigure " + build.folder,
                  ["meson", "setup", "--reconfigure", build.folder,
                   *build.options], build.setup_env)
    code, output, seconds = run_shown(
        "build " + build.name,
        ["tools/build", build.folder, *build.options, "--", "-j%d" % JOBS],
        build.setup_env)
    errors = [line for line in output.splitlines()
              if "error" in line or "FAILED" in line or "warning" in line]
    report.one("build: " + build.name, code == 0, seconds,
               output=output if len(errors) < 3 else "\n".join(errors[:40]))
    return code == 0


def fetch_sysroot():
    code, output, seconds = run_shown("fetch the arm64 libraries",
                                      ["tools/sysroot-arm64"])
    if code != 0:
        report.many("build: " + ARM64.name, [
            ("all of it", "skipped", "its libraries could not be fetched")],
                    seconds)
        report.output(output)
    return code == 0


# --- unit tests -------------------------------------------------------------

TAP = re.compile(r"(not )?ok (\d+)(?: - (.*?))?(?:\s*# SKIP\s*(.*))?$")
PLAN = re.compile(r"1\.\.(\d+)$")
GOOD = re.compile(r"\s*ok \d+ - ")


def tap_cases(build, name, code, output):
    """The cases a program reported, and what its end says beyond them."""
    cases, planned = [], None
    for line in output.splitlines():
        plan = PLAN.match(line)
        if plan:
            planned = (planned or 0) + int(plan.group(1))
        match = TAP.match(line)
        if not match:
            continue
        bad, number, title, skip = match.groups()
        # cmocka 1.1.5 says "not ok" of what it skips, later ones "ok"
        how = "skipped" if skip is not None else "failed" if bad else "passed"
        cases.append((title or skip or number, how,
                      "" if how == "failed" else "not on %s" % build.name))
    if planned is None and not cases: # not TAP: its exit code speaks
        how = {0: "passed", 77: "skipped"}.get(code, "failed")
        why = output.strip().splitlines()[-1] if output.strip() else "no reason"
        return [(name, how, why)]
    if planned is not None and planned != len(cases):
        cases.append(("%d of %d cases ran (exit code %d)" % (
            len(cases), planned, code), "failed", ""))
    elif code != 0 and not any(how == "failed" for _, how, _ in cases):
        cases.append(("ended with exit code %d" % code, "failed", ""))
    return cases


def unit_run(build, name, test):
    """Run a program of meson's list in an empty folder: its cases, its output,
    and whether it crashed."""
    with scratch() as folder:
        return unit_run_in(folder, build, name, test)


def unit_run_in(folder, build, name, test):
    env = {**os.environ, **build.env, **test.get("env", {}),
           "CMOCKA_MESSAGE_OUTPUT": "TAP"}
    limit = max(test["timeout"] * build.slowness, LEAST_LIMIT)
    limit = max(1, min(limit, (END_MINUTES - minutes()) * 60))
    pin = None
    if build.runner:
        # User emulation on an x86 host lets a load-acquire pass an earlier
        # store-release, which the Arm ARM forbids (B2.3.11) and our sleeping
        # protocols count on. On one host CPU nobody can see it.
        cpus = sorted(os.sched_getaffinity(0))
        cpu = cpus[hash(name) % len(cpus)]
        pin = lambda: os.sched_setaffinity(0, {cpu})
    process = subprocess.Popen(build.runner + test["cmd"], env=env,
                               preexec_fn=pin, cwd=folder, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True,
                               errors="replace", start_new_session=True)
    try:
        output, _ = process.communicate(timeout=limit)
        cases = tap_cases(build, name, process.returncode, output)
        crashed = process.returncode < 0
        crashed = crashed or bool(CRASH.search(output))
    except subprocess.TimeoutExpired:
        output = end_hung(process)
        hung = HUNG.search(output)
        cases = [("ended within %d s" % limit, "failed", "it hung in: %s" %
                  (hung.group(1) if hung else "\n" + output))]
        crashed = False
    finally:
        end_group(process)
    return cases, output, crashed


# What cmocka says of the case it was in.
HUNG = re.compile(r"^not ok \d+ - (.*)\n# Test failed with exception: ", re.M)


def end_hung(process):
    """Ends a unit program that hangs: what it said. cmocka makes of SIGSYS a
    case that failed, by which we know its name, and goes on to the next."""
    process.send_signal(signal.SIGSYS)
    try:
        return process.communicate(timeout=5)[0]
    except subprocess.TimeoutExpired:
        end_group(process)
        return process.communicate()[0]


def unit_rerun(build, name, test):
    start = time.monotonic()
    cases, output, crashed = unit_run(build, name, test)
    bad = [why for _, how, why in cases if how == "failed"]
    said = "\n".join([output, *filter(None, bad)])
    return not crashed and not bad, said, time.monotonic() - start


def unit_program(build, test):
    name = os.path.relpath(test["cmd"][0],
                           os.path.join(TOP, build.folder, "tests"))
    name = test["name"] if name[0] == "." else name.replace("unit/", "", 1)
    if build.runner and name in NOT_EMULATED:
        report.many(name, [("all of it", "skipped", NOT_EMULATED[name])], 0,
                    where=build.name + ": ")
        return
    if minutes() > START_MINUTES:
        report.many(name, [("all of it", "skipped", TOO_LATE)], 0,
                    where=build.name + ": ")
        return
    start = time.monotonic()
    cases, output, crashed = unit_run(build, name, test)
    doubts = {}
    if not crashed and not name.startswith("fuzz/"):
        doubt = Doubt(lambda: unit_rerun(build, name, test))
        doubts = {case: doubt for case, _, _ in cases}
    report.many(name, cases, time.monotonic() - start, output,
                build.name + ": ", doubts)


def unit_tests(build):
    listing = subprocess.run(["meson", "introspect", "--tests", build.folder],
                             cwd=TOP, stdout=subprocess.PIPE, text=True,
                             check=True)
    tests = [test for test in json.loads(listing.stdout)
             if any(suite.endswith(":unit") for suite in test["suite"])]
    report.group("unit tests, %s" % build.name)
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        list(pool.map(lambda test: unit_program(build, test), tests))


# --- Python tests -----------------------------------------------------------


def python_cases(path):
    """From pytest's report: file -> [cases], seconds, the failures' text, and
    of the cases that may run again case -> what pytest calls it."""
    files, firm = {}, set()
    for case in xml.parse(path).getroot().iter("testcase"):
        name = case.get("classname", "").replace(".", "/") or case.get("name")
        entry = files.setdefault(name, [[], 0.0, [], {}])
        entry[1] += float(case.get("time", 0))
        how, why = "passed", ""
        for child in case:
            if child.tag in ("failure", "error"):
                how, why = "failed", child.text or child.get("message", "")
                entry[2].append("%s\n%s" % (case.get("name"), why))
            elif child.tag == "skipped" and how == "passed":
                how, why = "skipped", child.get("message", "")
        entry[0].append((case.get("name"), how, why))
        # A test that fails twice, in its end too, is here twice.
        told = {each.get("name"): each.get("value")
                for each in case.iter("property")}
        if "firm" in told or CRASH.search("".join(case.itertext())):
            firm.add((name, case.get("name")))
        if "node" in told:
            entry[3][case.get("name")] = told["node"]
    for name, case in firm:
        files[name][3].pop(case, None)
    return files


def content(path):
    try:
        with open(path) as f:
            return f.read()
    except OSError:
        return ""


def end_left_behind(running):
    """Ends what tests left running; a healthy one leaves nothing."""
    mark = b"SQUIB_TEST_RUNNING=" + os.fsencode(running)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/environ" % pid, "rb") as f:
                if mark in f.read().split(b"\0"):
                    os.kill(int(pid), signal.SIGKILL)
        except OSError:
            pass # another's, or gone


def pytest_run(build, words, on_line=None, alone=False):
    """pytest on one build's programs: what run_shown gives, and the cases in
    python_cases' form, None when it came to no report."""
    folder = os.path.join(TOP, build.folder)
    env = {**build.env,
           "BUILD": folder, "SQUIB": os.path.join(folder, "squib"),
           "GUESTS": os.path.join(folder, "tests/guest"),
           "SQUIB_GUEST": os.path.join(TOP, ".cache/guest"),
           "SQUIB_ARM64": os.path.join(TOP, ARM64.folder),
           "SQUIB_TEST_UNTIL": str(BEGAN + (END_MINUTES if alone else
                                            START_MINUTES) * 60),
           "SQUIB_TEST_TOO_LATE": TOO_LATE,
           "PYTHONDONTWRITEBYTECODE": "1"}
    with scratch() as folder:
        junit = os.path.join(folder, "junit.xml")
        env["SQUIB_TEST_RUNNING"] = running = os.path.join(folder, "running")
        os.mkdir(running)

        def doing():
            return ", ".join(sorted(filter(None, map(content, (
                os.path.join(running, name)
                for name in sorted(os.listdir(running)))))))

        done = run_shown(
            "pytest",
            [PYTHON, "-m", "pytest", "-v", "--tb=short", "--junitxml", junit,
             "--basetemp", os.path.join(folder, "t"),
             "-p", "no:cacheprovider", "-c", "tests/pytest.ini",
             "--rootdir", "tests", *words], env, on_line, doing)
        end_left_behind(running)
        try:
            return done, python_cases(junit)
        except (OSError, xml.ParseError):
            return done, None


def python_rerun(build, node):
    (code, output, seconds), files = pytest_run(build, [node], alone=True)
    files = files or {}
    how = {how for cases, *_ in files.values() for _, how, _ in cases}
    said = "\n".join(text for _, _, failures, _ in files.values()
                     for text in failures)
    return code == 0 and how == {"passed"}, said or output, seconds


def python_tests(build, folders):
    """Run them on one build's programs."""
    report.group("Python tests, %s: %s" % (build.name, " ".join(folders)))
    line = re.compile(r"(?:\[gw\d+\] \[ *\d+%\] )?(FAILED|ERROR) (tests\S+)$")

    def on_line(text):
        match = line.match(text)
        if match:
            report.line("  %s %s" % match.groups())

    (code, output, seconds), files = pytest_run(
        build, ["-n", str(JOBS), "--dist", "loadgroup", *folders], on_line)
    if files is None:
        report.one(build.name + ": pytest", False, seconds, output=output)
        return
    for name, (cases, took, failures, nodes) in sorted(files.items()):
        doubts = {case: Doubt(functools.partial(python_rerun, build, node))
                  for case, node in nodes.items()}
        report.many(name, cases, took, "\n".join(failures), build.name + ": ",
                    doubts)
    if code not in (0, 1, 5): # 5: there was no test
        report.one(build.name + ": pytest", False, seconds,
                   "exit code %d" % code, output)


def python_folders():
    """Those of tests/ that hold a Python test."""
    found = []
    for name in sorted(os.listdir(os.path.join(TOP, "tests"))):
        folder = os.path.join(TOP, "tests", name)
        if os.path.isdir(folder) and any(
                f.endswith("_test.py") or f.startswith("test_")
                for _, _, files in os.walk(folder)
                for f in files if f.endswith(".py")):
            found.append("tests/" + name)
    return found


# --- all of it --------------------------------------------------------------


def check(name, argv):
    code, output, seconds = run_shown(name, argv)
    report.one(name, code == 0, seconds, output=output)


def main(words):
    start = time.monotonic()

    def wanted(group):
        return not words or any(word in group for word in words)

    report.group("checks")
    if wanted("checks"):
        check("layers", ["tools/check-layers"])
        check("format", ["tools/fmt", "--check"])
    report.group("builds")
    built = [do_build(PLAIN)]
    if built[0]:
        if wanted("checks"): # it reads a file that the build makes
            check("types on macOS", ["tools/check-macos"])
        for build in (ASAN, ARM64, CLANG):
            if not (wanted(build.name) or
                    build is ARM64 and wanted("tests/kvm")): # what it runs
                continue
            if build is ARM64 and not fetch_sysroot():
                continue
            if do_build(build):
                built.append(build)
        built[0] = PLAIN
        if wanted("checks"):
            check("clang-tidy and cppcheck", ["tools/lint"])
        for build in built:
            if build is not CLANG and wanted(build.name):
                unit_tests(build)
        folders = [f for f in python_folders() if wanted(f)]
        if folders:
            python_tests(PLAIN, folders)
        # What strangers can send is tried on the sanitizers' build as well.
        folders = [f for f in folders if f in ASAN_FOLDERS]
        if folders and ASAN in built:
            python_tests(ASAN, folders)
    report.second_chances()
    return report.close(time.monotonic() - start)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
