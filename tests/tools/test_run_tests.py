# SPDX-License-Identifier: Apache-2.0
"""What the runner makes of a test program's output: nothing may get lost."""
import importlib.util
import pathlib

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
