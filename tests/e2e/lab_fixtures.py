# SPDX-License-Identifier: Apache-2.0
"""Fixtures of all tests with test hosts. A module names its lab's number in LAB."""
import os
import subprocess

import pytest

from lab import ARTIFACT, GIVEN_ARTIFACT, ROOT, Lab


@pytest.fixture(scope='session')
def artifact():
    if not GIVEN_ARTIFACT:
        subprocess.run([str(ROOT / 'scripts/demo'), '--artifact'], check=True)
    return ARTIFACT


@pytest.fixture(scope='module')
def lab(request, artifact):
    if os.geteuid() != 0:
        pytest.fail('these tests make hosts in namespaces and need root')
    number = request.module.LAB
    lab = Lab(f'e2e{number}', number)
    lab.close()
    yield lab
    lab.close()
