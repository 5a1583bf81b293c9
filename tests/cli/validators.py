# SPDX-License-Identifier: Apache-2.0
"""Validators of bills of materials, from PyPI: pinned in requirements.txt and installed once a machine, under
${SEALIFT_CACHE:-~/.cache/sealift}/validators-<hash of that file>."""
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess

REQUIREMENTS = pathlib.Path(__file__).with_name("requirements.txt")


def _cache():
    given = os.environ.get("SEALIFT_CACHE")
    return pathlib.Path(given) if given else pathlib.Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "sealift"


def python():
    """The interpreter that has them."""
    folder = _cache() / f"validators-{hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:16]}"
    (_cache() / "locks").mkdir(parents=True, exist_ok=True)
    with open(_cache() / "locks" / "validators", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            unfinished = folder.with_suffix(".tmp")
            shutil.rmtree(unfinished, ignore_errors=True)
            subprocess.run(["/usr/bin/python3", "-m", "venv", unfinished], check=True)
            subprocess.run([unfinished / "bin" / "python", "-m", "pip", "-q", "install", "--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", REQUIREMENTS],
                           check=True)
            unfinished.rename(folder)
    return folder / "bin" / "python"


def validate(form, document):
    """What a validator of this format ("spdx" or "cyclonedx") says against the file; nothing if it is valid."""
    done = subprocess.run([python(), pathlib.Path(__file__).with_name("validate_sbom.py"), form, document], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
