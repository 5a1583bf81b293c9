# SPDX-License-Identifier: Apache-2.0
"""The programs under test, as tests/cli has them."""
import importlib.util
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "cli"))

_spec = importlib.util.spec_from_file_location("cli_programs", ROOT / "tests" / "cli" / "conftest.py")
_cli = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_cli)
stub, packer, needs = _cli.stub, _cli.packer, _cli.needs
