# SPDX-License-Identifier: Apache-2.0
"""What the tests of this folder do when something hangs in the emulated host."""

import pytest

import nested


def test_a_command_that_hangs_is_named_and_the_host_goes_on(host):
    host.check("true")
    with pytest.raises(nested.Ended, match="^not over after 2 s: sleep 600\n"):
        host.machine.run("sleep 600", 2)
    assert host.check("pidof sleep || echo it is gone") == "it is gone"


def test_errors_are_behind_the_output(host):
    code, text = host.run("echo one; echo wrong >&2; printf two; exit 3")
    assert (code, text.split()) == (3, ["one", "two", "wrong"])


class Hanging:
    """In which nothing ends."""

    def __init__(self):
        self.limits = []

    def alive(self):
        return True

    def run(self, command, timeout_s):
        self.limits.append(timeout_s)
        raise nested.Ended(f"not over after {timeout_s} s: {command}")


def test_after_the_first_hang_the_others_have_less_time(host):
    sick = object.__new__(type(host))
    sick.machine, sick.late = Hanging(), []
    for n in range(nested.MOST_LATE):
        with pytest.raises(nested.Ended, match=f"not over after .* s: {n}"):
            sick.run(str(n))
    with pytest.raises(nested.Ended, match="not tried, these hung before: 0; 1"):
        sick.run("more")
    again = [nested.AGAIN_S] * (nested.MOST_LATE - 1)
    assert sick.machine.limits == [nested.COMMAND_S, *again]
