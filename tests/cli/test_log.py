# SPDX-License-Identifier: Apache-2.0
"""Where the log goes and what its lines look like."""

import os
import re
import subprocess

import pytest

HEAD = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9} \["
MISSING = ["--no-api", "--config-file", "/nowhere"]


@pytest.mark.contract(26)
def test_a_line_has_firecrackers_format(squib):
    lines = squib("--id", "vm-1", *MISSING).out.splitlines()
    assert all(re.match(HEAD + r"vm-1:main\] ", line) for line in lines)


@pytest.mark.contract(26)
def test_level_and_origin_are_shown_on_request(squib):
    out = squib("--show-level", "--show-log-origin", *MISSING).out
    pattern = HEAD + r"anonymous-instance:main:INFO:src/main/\w+\.c:\d+\] Running"
    assert re.match(pattern, out)
    assert ":main:ERROR:src/main/" in out


@pytest.mark.contract(26)
def test_the_level_hides_lines(squib):
    for level in ("Error", "ERROR", "error"):
        out = squib("--level", level, *MISSING).out
        assert "Running" not in out
        assert "Unable to open" in out
    assert squib("--level", "off", *MISSING).out == ""


def test_a_wrong_level_is_a_bad_configuration(squib):
    result = squib("--level", "loud", *MISSING)
    assert result.code == 152
    assert (
        "Invalid value for logger level: Failed to parse string to level filter: "
        "loud.Possible values: [Error, Warning, Info, Debug]" in result.err
    )


@pytest.mark.contract(26)
def test_the_module_filters(squib):
    assert "Running" in squib("--module", "main", *MISSING).out
    assert "Running" in squib("--module", "main::firecracker", *MISSING).out
    assert squib("--module", "dev", *MISSING).out == ""


def test_a_file_takes_the_log(squib, tmp_path):
    path = tmp_path / "log"
    path.write_text("x" * 5000)
    assert squib("--log-path", path, *MISSING).out == ""
    text = path.read_text()
    assert "Running Firecracker v1.17.0-dev" in text
    assert len(text) == 5000  # neither truncated nor appended to


def test_a_log_that_cannot_be_opened(squib, tmp_path):
    for path, why in [
        ("/nowhere/log", "No such file or directory (os error 2)"),
        (tmp_path, "Is a directory (os error 21)"),
    ]:
        result = squib("--log-path", path, *MISSING)
        assert result.code == 1
        assert (
            f"Could not initialize logger: Failed to open target file: {why}"
            in result.err
        )


def test_a_fifo_without_a_reader_does_not_stop_us(squib, tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    assert squib("--log-path", path, *MISSING).code == 1


def test_a_full_pipe_does_not_stop_us(squib_path):
    """Nobody reads standard output, and it is full before we begin."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 4096)
    except BlockingIOError:
        pass
    os.set_blocking(writer, True)
    done = subprocess.run(
        [str(squib_path), *MISSING],
        stdin=subprocess.DEVNULL,
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=300,
    )
    os.close(reader)
    os.close(writer)
    assert done.returncode == 1
    assert b"Unable to open" in done.stderr


def test_a_dead_pipe_does_not_kill_us(squib_path):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [str(squib_path), *MISSING],
        stdin=subprocess.DEVNULL,
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=300,
    )
    os.close(writer)
    assert done.returncode == 1


def test_closed_standard_streams_are_survived(squib_path):
    script = '"$0" "$@" <&- >&- 2>&-'
    done = subprocess.run(
        ["sh", "-c", script, str(squib_path), *MISSING], timeout=300
    )
    assert done.returncode == 1


def test_the_config_files_logger_is_used(squib, vm_json, tmp_path):
    path = tmp_path / "log"
    logger = {"log_path": str(path), "level": "Error", "show_level": True}
    config = vm_json(logger=logger, machine_config={"vcpu_count": 0, "mem_size_mib": 1})
    result = squib("--no-api", "--config-file", config)
    assert result.code == 1
    assert "Running" in result.out
    assert "The number of vCPUs" not in result.out
    assert ":main:ERROR] RunWithoutApiError error" in path.read_text()
