# SPDX-License-Identifier: Apache-2.0
import os

import pytest

from lab_fixtures import artifact, lab  # noqa: F401


def pytest_configure(config):
    if os.geteuid() != 0:
        pytest.exit('the e2e tests make hosts in namespaces and need root', 4)
