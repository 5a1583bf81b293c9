# SPDX-License-Identifier: Apache-2.0
import pathlib
import sys

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[1:1] = [str(TESTS / 'e2e'), str(TESTS / 'cli')]

from lab_fixtures import artifact, lab  # noqa: E402, F401
