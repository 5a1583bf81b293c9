# SPDX-License-Identifier: Apache-2.0
import os
import subprocess

import pytest

from lab import ARTIFACT, ROOT, Lab


def pytest_configure(config):
    if os.geteuid() != 0:
        pytest.exit('the e2e tests make hosts in namespaces and need root', 4)


@pytest.fixture(scope='session')
def artifact():
    subprocess.run([str(ROOT / 'scripts/demo'), '--artifact'], check=True)
    return ARTIFACT


@pytest.fixture(scope='module')
def lab(request, artifact):
    number = request.module.LAB
    lab = Lab(f'e2e{number}', number)
    lab.close()
    yield lab
    lab.close()
