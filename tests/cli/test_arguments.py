# SPDX-License-Identifier: Apache-2.0
"""Firecracker's flags: rules, sentences, exit codes."""

import re

import pytest

ARGS = 153
HEAD = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9} \[anonymous-instance:main\] "


def log_has(text, sentence):
    return re.search(HEAD + re.escape(sentence) + "$", text, re.M)


@pytest.mark.parametrize(
    "args, sentence",
    [
        (["--foo"], "Found argument 'foo' which wasn't expected, or isn't valid in this context."),
        (["foo"], "Found argument 'foo' which wasn't expected, or isn't valid in this context."),
        ([""], "Found argument '' which wasn't expected, or isn't valid in this context."),
        (["--id=a"], "Found argument 'id=a' which wasn't expected, or isn't valid in this context."),
        (["--id"], "The argument 'id' requires a value, but none was supplied."),
        (["--id", "--no-api"], "The argument 'id' requires a value, but none was supplied."),
        (["--id", "a", "--id", "a"], "The argument 'id' was provided more than once."),
        (["--no-api"], "Argument 'config-file' required, but not found."),
        (
            ["--no-seccomp", "--seccomp-filter", "f"],
            "Argument 'seccomp-filter' cannot be used together with argument 'no-seccomp'.",
        ),
    ],
)
def test_wrong_arguments_are_explained(squib, args, sentence):
    result = squib(*args)
    assert result.code == ARGS
    # Upstream logs the four characters \n\n as they stand here.
    line = f"Arguments parsing error: {sentence} \\n\\nFor more information try --help."
    assert log_has(result.out, line), result
    assert f"Error: Arguments parsing error: {sentence}\n" in result.err
    assert log_has(result.out, "Firecracker exiting with error. exit_code=153"), result


def test_a_word_that_looks_like_a_command_gets_a_hint(squib):
    assert "`squib run --help`" in squib("start").err
    assert "squib run" not in squib("--start").err


def test_very_long_arguments_are_survived(squib):
    assert squib("x" * 100_000).code == ARGS
    assert squib("--" + "x" * 100_000).code == ARGS
    assert squib("--id", "x" * 100_000).code == 1


@pytest.mark.contract(12, 25)
def test_the_version_comes_first(squib):
    result = squib("--version")
    assert result.code == 0
    assert result.out.startswith("Firecracker v1.17.0-dev\n\n")
    assert re.search(r"^squib v\d+\.\d+\.\d+$", result.out, re.M)


@pytest.mark.parametrize("args", [["--help"], ["-h"], ["foo", "--help", "--version"]])
def test_help_wins_over_everything(squib, args):
    result = squib(*args)
    assert result.code == 0
    assert "--config-file <config-file>" in result.out
    assert "squib run" in result.out


def test_two_dashes_end_the_arguments(squib):
    assert squib("--no-api", "--", "--version").code == ARGS
    assert squib("--version", "--", "--help").out.startswith("Firecracker")


@pytest.mark.parametrize(
    "args",
    [
        ["--enable-pci"],
        ["--seccomp-filter", "f"],
        ["--snapshot-version"],
        ["--describe-snapshot", "s"],
    ],
)
def test_what_is_not_there_yet_is_refused(squib, vm_json, args):
    result = squib("--no-api", "--config-file", vm_json(), *args)
    assert result.code == 1
    assert f"squib does not have {args[0]} yet" in result.err


@pytest.mark.parametrize(
    "instance_id, why",
    [
        ("", "InvalidLen(0, 1, 64)"),
        ("x" * 65, "InvalidLen(65, 1, 64)"),
        ("a_b", "InvalidChar('_', 1)"),
        ("a/b", "InvalidChar('/', 1)"),
    ],
)
def test_instance_ids_are_checked(squib, instance_id, why):
    result = squib("--id", instance_id)
    assert result.code == 1
    assert f"Invalid instance ID: {why}" in result.err


@pytest.mark.parametrize(
    "flag, kind",
    [
        ("start-time-us", "u64"),
        ("start-time-cpu-us", "u64"),
        ("parent-cpu-time-us", "u64"),
        ("http-api-max-payload-size", "usize"),
        ("mmds-size-limit", "usize"),
    ],
)
@pytest.mark.parametrize("value", ["", "-1", "x", "1.5", "18446744073709551616"])
def test_numbers_must_be_numbers(squib, flag, kind, value):
    result = squib("--" + flag, value)
    assert result.code == 1
    assert f"'{flag}' parameter expected to be of '{kind}' type." in result.err


@pytest.mark.parametrize(
    "args, sentence",
    [
        ([], "which kernel?"),
        (["-k", "k", "--cpus", "0"], "--cpus: '0' is not a number of CPUs"),
        (["-k", "k", "--cpus", "33"], "--cpus: '33' is not a number of CPUs"),
        (["-k", "k", "--mem", "0"], "--mem: '0' is not possible"),
        (["-k", "k", "--mem", "huge"], "--mem: 'huge' is not a size"),
        (["-k", "k", "-a", "x" * 2100], "--append: The kernel command line is invalid"),
        (["--nonsense"], "there is no option --nonsense"),
        (["-k"], "needs a value"),
        (["-k", "k", "--vsock", ""], "--vsock: where?"),
        (["-k", "k", "--tier", "x"], "--tier: no tier is called 'x'"),
        (["-k", "k", "--code-mib", "0"], "--code-mib: the memory for"),
        (["-k", "k", "--accel", "x"], "--accel: no accelerator is called 'x'"),
    ],
)
def test_run_explains_itself(squib, args, sentence):
    result = squib("run", *args)
    assert result.code == ARGS
    assert result.err.startswith("squib run: ")
    assert sentence in result.err
    assert result.out == ""


def test_run_names_the_file_that_is_not_there(squib, tmp_path):
    for args, option in ((["/nowhere"], "--kernel"), ([tmp_path, "-i", "/nowhere"], "--initrd")):
        result = squib("run", *args)
        assert result.code == 1
        assert result.err == f"squib run: {option}: /nowhere: No such file or directory\n"


def test_run_has_help(squib):
    result = squib("run", "--help")
    assert result.code == 0
    assert result.out.startswith("usage: squib run --kernel FILE")
    assert result.err == ""
