# SPDX-License-Identifier: Apache-2.0
"""The back end itself: kvm_test.c, where there is a KVM."""

import re


def test_the_back_end_against_a_real_kvm(host):
    code, text = host.run("CMOCKA_MESSAGE_OUTPUT=TAP kvm_test", 120)
    planned = int(re.search(r"^1\.\.(\d+)", text, re.M).group(1))
    assert code == 0, text
    assert len(re.findall(r"^ok ", text, re.M)) == planned >= 18, text
