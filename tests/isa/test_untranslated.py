# SPDX-License-Identifier: Apache-2.0
"""docs/soft-engine.md lists what translated code leaves to tier 0: the list is
what the emitters say."""
import pathlib
import re
import subprocess

import pytest

DOC = pathlib.Path(__file__).resolve().parents[2] / 'docs/soft-engine.md'


@pytest.mark.parametrize('mask', ('', ',mask=avx512'))
def test_the_list_of_what_is_not_translated_is_true(build, mask):
    done = subprocess.run(
        [build / 'a64run', '--tier', f'jit{mask}', '--untranslated'],
        capture_output=True, text=True)
    if 'x86-64' in done.stderr:
        pytest.skip('there is no translator for this host')
    assert done.returncode == 0, done.stderr
    text = DOC.read_text().split('<!-- untranslated -->')[1]
    block = re.search(r'```\n(.*?)```', text, re.S).group(1)
    listed = re.sub(r'\s+', ' ', block).strip().split(', ')
    assert listed == done.stdout.splitlines()
