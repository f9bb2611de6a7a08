# SPDX-License-Identifier: Apache-2.0
"""A few seeds of `make fuzz-traces`."""
import pytest

import generate
from fuzz import COMMAND, SLOW, Difference, NoTranslator, check_seed


@pytest.mark.parametrize('seed', [1, 2, 3])
def test_random_programs_do_in_every_tier_what_they_do_in_the_interpreter(
        seed, tmp_path, record_property):
    if not COMMAND.exists():
        pytest.skip('the arm64 cross compiler is not installed')
    try:
        assert check_seed(seed, tmp_path) > 0, 'nothing faulted'
    except NoTranslator:
        pytest.skip('there is no translator for this host')
    except Difference as difference:
        if SLOW not in str(difference):
            record_property('firm', str(difference))
        raise


def test_a_seed_makes_the_same_programs_again():
    assert generate.assembler(4) == generate.assembler(4)
    assert generate.assembler(4) != generate.assembler(5)
