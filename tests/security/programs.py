# SPDX-License-Identifier: Apache-2.0
"""The programs under test and the miniature base, as tests/cli has them."""
import importlib.util
import pathlib
import sys

CLI = pathlib.Path(__file__).resolve().parents[1] / "cli"


def _load(name, file):
    """Under another name: each folder of tests has a conftest."""
    spec = importlib.util.spec_from_file_location(name, CLI / file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


small_base = _load("small_base", "small_base.py")
_cli = _load("cli_conftest", "conftest.py")
stub, packer = _cli.stub, _cli.packer
