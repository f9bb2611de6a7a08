# SPDX-License-Identifier: Apache-2.0
"""The back end itself: C programs that take it through its interface, where
there is a KVM."""

import re

import pytest


@pytest.mark.parametrize("program,least", [("kvm_test", 17), ("save_test", 7)])
def test_the_back_end_against_a_real_kvm(host, program, least):
    code, text = host.run(f"CMOCKA_MESSAGE_OUTPUT=TAP {program}")
    planned = int(re.search(r"^1\.\.(\d+)", text, re.M).group(1))
    assert code == 0, text
    assert len(re.findall(r"^ok ", text, re.M)) == planned >= least, text
