# SPDX-License-Identifier: Apache-2.0
"""What the runner makes of a test program's output: nothing may get lost."""
import importlib.util
import pathlib
import re
import shutil

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]

spec = importlib.util.spec_from_file_location("run_tests",
                                              ROOT / "tools/run-tests.py")
run_tests = importlib.util.module_from_spec(spec)
spec.loader.exec_module(run_tests)


def cases(code, *lines):
    found = run_tests.tap_cases(run_tests.PLAIN, "prog", code, "\n".join(lines))
    return [(name, how) for name, how, _ in found]


def test_each_case_counts_by_its_name():
    assert cases(1, "1..3", "ok 1 - a", "not ok 2 - b", "# why",
                 "not ok 3 # SKIP c") == [
        ("a", "passed"), ("b", "failed"), ("c", "skipped")]


def test_a_crash_in_the_middle_is_a_failure():
    assert cases(-11, "1..3", "ok 1 - a") == [
        ("a", "passed"), ("1 of 3 cases ran (exit code -11)", "failed")]


def test_a_bad_end_after_good_cases_is_a_failure():
    assert cases(1, "1..1", "ok 1 - a") == [
        ("a", "passed"), ("ended with exit code 1", "failed")]


def test_a_program_without_cases_speaks_by_its_exit_code():
    assert cases(0, "fine") == [("prog", "passed")]
    assert cases(77, "no compiler") == [("prog", "skipped")]
    assert cases(2, "") == [("prog", "failed")]
    assert cases(-6) == [("prog", "failed")]


def test_two_groups_in_one_program_add_up():
    assert cases(0, "1..1", "ok 1 - a", "1..1", "ok 1 - b") == [
        ("a", "passed"), ("b", "passed")]


# --- second chances ---------------------------------------------------------


class Runner:
    """The runner with a tree of its own, whose tests are made here."""

    def __init__(self, top, monkeypatch):
        self.top = top
        self.report = run_tests.Report()
        self.build = run_tests.Build("made", "build")
        monkeypatch.setattr(run_tests, "TOP", str(top))
        monkeypatch.setattr(run_tests, "report", self.report)

    def program(self, name, *runs, limit=30):
        """A unit program, and what it does the first time, the second, ..."""
        path = self.top / "build/tests/unit" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cases = "".join(f"{n}) {run} ;;\n" for n, run in enumerate(runs))
        path.write_text(f"#!/bin/sh\nn=$(cat {path}.n 2>/dev/null || echo 0)\n"
                        f"echo $((n + 1)) >{path}.n\ncase $n in\n{cases}esac\n")
        path.chmod(0o755)
        run_tests.unit_program(self.build, {
            "cmd": [str(path)], "timeout": limit, "name": name})

    def fuzz(self, name, *runs):
        self.program("../" + name, *runs)

    def python(self, text):
        folder = self.top / "tests"
        (folder / "made").mkdir(parents=True)
        for name in ("conftest.py", "pytest.ini"):
            shutil.copy(ROOT / "tests" / name, folder / name)
        (folder / "made/test_made.py").write_text(text)
        run_tests.python_tests(self.build, ["tests/made"])

    def end(self, capsys):
        self.report.second_chances()
        code = self.report.close(0)
        return code, capsys.readouterr().out.splitlines()


@pytest.fixture
def runner(tmp_path, monkeypatch):
    return Runner(tmp_path, monkeypatch)


GOOD = "echo 1..2; echo ok 1 - a; echo ok 2 - b"
BAD = "echo 1..2; echo ok 1 - a; echo not ok 2 - b; echo '# why'; exit 1"


def test_what_fails_once_is_flaky_and_counted_apart(runner, capsys):
    runner.program("sound_test", GOOD)
    runner.program("moody_test", BAD, GOOD)
    code, lines = runner.end(capsys)
    assert code == 0
    assert lines[-1] == "3 passed, 0 failed, 0 skipped, 1 flaky"
    assert "       | # why" in lines
    assert any(line.startswith("  FLAKY made: moody_test: b") for line in lines)
    assert lines[lines.index("flaky:") + 1] == (
        "  made: moody_test: b: not ok 2 - b # why")


def test_what_fails_twice_has_failed(runner, capsys):
    runner.program("bad_test", BAD, BAD)
    code, lines = runner.end(capsys)
    assert code == 1
    assert lines[-1] == "1 passed, 1 failed, 0 skipped"
    assert "flaky:" not in lines


def test_when_all_is_well_nothing_is_said_of_flaky_tests(runner, capsys):
    runner.program("sound_test", GOOD)
    code, lines = runner.end(capsys)
    assert code == 0
    assert lines[-1] == "2 passed, 0 failed, 0 skipped"


@pytest.mark.parametrize("crash", [
    "echo 1..2; echo ok 1 - a; kill -ABRT $$",
    "echo 1..2; echo ok 1 - a; kill -SEGV $$",
    BAD.replace("why", "Test failed with exception: Segmentation fault(11)"),
    BAD.replace("why", "==1==ERROR: AddressSanitizer: heap-use-after-free"),
    BAD.replace("why", "a.c:1:2: runtime error: shift exponent 64"),
    BAD.replace("why", "==1==ERROR: LeakSanitizer: detected memory leaks"),
    BAD.replace("why", "squib: bug at a.c:1: n < 2"),
])
def test_a_crash_is_never_excused(runner, capsys, crash):
    runner.program("crashing_test", crash, GOOD)
    code, lines = runner.end(capsys)
    assert code == 1
    assert lines[-1] == "1 passed, 1 failed, 0 skipped"


def test_a_second_run_that_crashes_has_failed(runner, capsys):
    runner.program("crashing_test", BAD, "kill -ABRT $$")
    code, _ = runner.end(capsys)
    assert code == 1


def test_a_fuzz_corpus_gets_no_second_chance(runner, capsys):
    runner.fuzz("fuzz/http_fuzz", "exit 1", "exit 0")
    code, lines = runner.end(capsys)
    assert code == 1
    assert lines[-1] == "0 passed, 1 failed, 0 skipped"


def test_a_build_gets_no_second_chance(runner, capsys):
    runner.report.one("build: plain", False, 0)
    code, lines = runner.end(capsys)
    assert (code, lines[-1]) == (1, "0 passed, 1 failed, 0 skipped")


def test_many_flaky_tests_are_no_chance(runner, capsys):
    for n in range(run_tests.MOST_FLAKY + 1):
        runner.program(f"moody{n}_test", BAD, GOOD)
    code, lines = runner.end(capsys)
    assert code == 1
    many = run_tests.MOST_FLAKY + 1
    assert lines[-1] == f"{many} passed, {many} failed, 0 skipped"
    assert not (runner.top / "build/tests/unit/moody0_test.n").read_text() == "2\n"


# --- the end of the log -----------------------------------------------------


def chatter(case, lines):
    return (f"echo 1..2; echo ok 1 - a; i=0; while [ $i -lt {lines} ]; do "
            f"i=$((i+1)); echo line $i; done; echo not ok 2 - {case}; "
            "echo '# 1 != 2'; exit 1")


def test_the_end_of_the_log_tells_what_was_wrong(runner, capsys):
    for name in ("one", "two"):
        runner.program(f"{name}_test", *[chatter("b", 300)] * 2)
    code, lines = runner.end(capsys)
    assert code == 1
    end = lines[-100:]
    for name in ("one", "two"):
        at = end.index(f"made: {name}_test: b, the end of what it said:")
        said = end[at + 1 : end.index("", at)]
        assert said[-3:] == ["  | line 300", "  | not ok 2 - b", "  | # 1 != 2"]
        assert len(said) == 30
    assert end[-6:] == ["failed:", "  made: one_test: b: not ok 2 - b # 1 != 2",
                        "  made: two_test: b: not ok 2 - b # 1 != 2", "", end[-2],
                        "2 passed, 2 failed, 0 skipped"]


def test_the_end_of_the_log_stays_short(runner, capsys):
    for n in range(20):
        runner.program(f"bad{n}_test", chatter("b", 300))
    _, lines = runner.end(capsys)
    failed = lines.index("failed:")
    assert lines[failed + 1 : failed + 21] == [
        f"  made: bad{n}_test: b: not ok 2 - b # 1 != 2" for n in range(20)]
    assert sum(line.startswith("  | ") for line in lines) == run_tests.END_LINES


def test_what_hangs_is_ended_and_named(runner, capsys, monkeypatch):
    monkeypatch.setattr(run_tests, "LEAST_LIMIT", 3)
    runner.program("slow_test", *["trap 'echo not ok 1 - the_slow; echo \"# Test "
                   "failed with exception: x\"; exit 1' SYS; sleep 0.1; echo 1..1; "
                   "while :; do sleep 0.1; done"] * 2, limit=1)
    code, lines = runner.end(capsys)
    assert code == 1
    assert ("  made: slow_test: ended within 3 s: not ok 1 - the_slow "
            "# Test failed with exception: x it hung in: the_slow") in lines
    assert lines[-1] == "0 passed, 1 failed, 0 skipped"


def test_when_the_time_is_over_nothing_begins(runner, capsys, monkeypatch):
    monkeypatch.setattr(run_tests, "BEGAN", run_tests.time.monotonic() - 66 * 60)
    runner.program("sound_test", GOOD)
    runner.python("def test_it(): pass")
    code, lines = runner.end(capsys)
    assert lines[-1] == "0 passed, 0 failed, 2 skipped", "\n".join(lines)
    why = "its turn came after 65 minutes"
    assert f"  made: sound_test: all of it: {why}" in lines
    assert f"  made: made/test_made: test_it: {why}" in lines
    assert code == 0


def test_what_runs_too_long_is_ended(runner, monkeypatch):
    monkeypatch.setattr(run_tests, "BEGAN", run_tests.time.monotonic() - 85 * 60)
    code, output, _ = run_tests.run_shown("it", ["sh", "-c", "echo a; sleep 600"])
    assert code == -9
    assert "84 minutes being over, in: a" in output


def test_what_tests_leave_behind_is_ended(runner, tmp_path, capsys):
    runner.python(f"""
import subprocess
def test_it():
    left = subprocess.Popen(["sleep", "600"], start_new_session=True)
    open("{tmp_path}/pid", "w").write(str(left.pid))
""")
    runner.end(capsys)
    pid = (tmp_path / "pid").read_text()
    gone = pathlib.Path("/proc", pid, "status")
    while gone.exists() and "zombie" not in gone.read_text():
        run_tests.time.sleep(0.01)


def test_a_process_that_does_not_end_says_what_it_does(runner, capsys):
    runner.python("""
import subprocess
def test_it():
    subprocess.run(["sh", "-c", "echo far; sleep 600"], timeout=2, capture_output=True)
""")
    code, lines = runner.end(capsys)
    at = lines.index("made: made/test_made: test_it, the end of what it said:")
    end = "\n".join(lines[at:])
    assert "  | far\n" in end and " sh -c echo far; sleep 600" in end, end
    assert re.search(r"\n  \|   sh +S user \d+ system \d+ ", end), end
    assert code == 1


PYTHON_TESTS = """
import os, pathlib, signal, subprocess
import pytest

def first(name):
    path = pathlib.Path(__file__).with_name(name)
    was = path.exists()
    path.touch()
    return not was

def test_sound():
    pass

@pytest.mark.parametrize("word", ["a b[c]"])
def test_moody(word):
    assert not first("moody"), "the first time"
"""


def test_a_python_test_has_a_second_chance_too(runner, capsys):
    runner.python(PYTHON_TESTS)
    code, lines = runner.end(capsys)
    assert code == 0, "\n".join(lines)
    assert lines[-1] == "1 passed, 0 failed, 0 skipped, 1 flaky"
    assert any("the first time" in line for line in lines)
    assert lines[lines.index("flaky:") + 1].startswith(
        "  made: made/test_made: test_moody[a b[c]]: AssertionError: the first")


def test_a_python_test_that_saw_what_must_not_be_has_none(runner, capsys):
    runner.python(PYTHON_TESTS + """
def test_firm(record_property):
    record_property("firm", "the guest read what was never written")
    assert not first("firm")

def test_crash():
    done = subprocess.run(["sh", "-c", "kill -SEGV $$"])
    assert not first("crash")

def test_crash_in_a_shell():
    done = subprocess.run(["sh", "-c", "sh -c 'kill -ABRT $$'; exit $?"])
    assert not first("shell")

def test_report():
    text = "==7==ERROR: AddressSanitizer: SEGV"
    assert not first("report"), text

def test_that_kills_its_process():
    subprocess.Popen(["sleep", "60"]).kill()
    assert not first("killed")
""")
    code, lines = runner.end(capsys)
    assert code == 1
    assert lines[-1] == "1 passed, 4 failed, 0 skipped, 2 flaky", "\n".join(lines)
