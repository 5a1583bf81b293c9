# SPDX-License-Identifier: Apache-2.0
"""Payloads, folders and configurations that are well-formed enough to be looked at, and were made to do harm: what each
command must say of them, how long it may take and how much memory (tests/security/README.md). How each is made: the
function of its name in hostile_*.py."""
import dataclasses
import os
import pathlib
import re
import subprocess

import pytest

import hostile_folders
import hostile_images
import hostile_names
import hostile_places
import hostile_sites
import hostile_sizes

MEMORY = 128 << 10  # KiB
SECONDS = 10

# name | command | exit code | what its output must contain
TABLE = """
a million objects | info | 0 | x
"""

MAKERS = {"info": (hostile_sizes, hostile_places, hostile_names), "plan": (hostile_sites,), "pack": (hostile_images,), "to": (hostile_folders,)}


@dataclasses.dataclass
class Case:
    name: str
    command: str
    code: int
    says: str

    def __str__(self):
        return f"{self.name.replace(' ', '-')}-{self.command.replace(' ', '-')}"


def cases():
    return [Case(name, command, int(code), says) for name, command, code, says in (re.split(r" +\| +", line, maxsplit=3) for line in TABLE.strip().splitlines())]


def maker(name):
    found = [getattr(module, name.replace(" ", "_")) for module in (hostile_sizes, hostile_places, hostile_names, hostile_sites, hostile_images, hostile_folders)
             if hasattr(module, name.replace(" ", "_"))]
    assert len(found) == 1, f"{name}: {len(found)} functions have this name"
    return found[0]


@dataclasses.dataclass
class Bench:
    """Where a case is made, and how its command is written."""
    folder: pathlib.Path
    stub: pathlib.Path
    packer: pathlib.Path

    def arguments(self, case):
        payload, to = self.folder / "hostile.payload", self.folder / "to"
        verb, *options = case.command.split()
        if verb in ("info", "list", "verify"):
            return [self.stub, *case.command.split(), "--payload", payload]
        if verb == "extract":
            return [self.stub, verb, "--payload", payload, "--to", to, *options]
        if verb in ("plan", "apply"):
            return [self.stub, verb, *options, "--payload", payload, "--config", "cluster.yaml"]
        if verb == "build":
            return [self.packer, verb, "-t", "hostile:2", "-o", "out.run", "--platform", "linux/amd64", "--stub", self.stub, *options, "."]
        if verb == "inspect":
            return [self.packer, verb, *options, payload]
        if verb == "diff":
            return [self.packer, verb, payload, payload]
        if verb == "load":
            return [self.packer, verb, payload]
        assert verb == "push", verb
        return [self.packer, verb, payload, *(["--images", "127.0.0.1:9/acme"] if options else ["127.0.0.1:9/acme/evil:1"])]

    def make(self, case):
        make, verb = maker(case.name), case.command.split()[0]
        if make.__module__ == "hostile_folders":
            (self.folder / "to").mkdir()
            (self.folder / "outside").mkdir()
            (self.folder / "outside" / "kept").write_text("kept")
            hostile_sizes.small().file("x/y", b"y").write(self.folder / "hostile.payload")
            make(self.folder / "to")
        elif make.__module__ == "hostile_images" and verb == "build":
            make(self.folder)
        else:
            make(self.folder / "hostile.payload")
            if verb == "build":
                (self.folder / "Kubefile").write_text("FROM hostile.payload\n")
        (self.folder / "key").write_text("no key")
        (self.folder / "key").chmod(0o600)

    def run(self, case):
        """Exit code, output, KiB."""
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "TERM": "dumb"}
        report = self.folder / "report"
        with open(self.folder / "output", "wb") as output:
            subprocess.run(["/usr/bin/python3", "-S", "-E", pathlib.Path(__file__).with_name("measured.py"), report, str(2 * SECONDS), *map(str, self.arguments(case))],
                           stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=self.folder, check=True)
        code, memory = map(int, report.read_text().split())
        with open(self.folder / "output", "rb") as output:
            return code, output.read(32 << 20), memory


@pytest.fixture
def bench(tmp_path, stub, packer):
    return Bench(tmp_path, stub, packer)


@pytest.mark.parametrize("case", cases(), ids=str)
def test_what_is_hostile_does_no_harm(case, bench):
    bench.make(case)
    began = os.times().elapsed
    code, output, memory = bench.run(case)
    seconds = os.times().elapsed - began
    text = output.decode()
    assert (code, case.says in text) == (case.code, True), text[:2000]
    assert memory <= MEMORY and seconds <= SECONDS
    assert not re.search("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]", text), "it writes on the terminal"
    if code not in (0, 12):
        assert text.splitlines()[-1].startswith(("error: ", "  ")), text[-500:]
    if (bench.folder / "outside").exists():
        assert {path.name: path.read_text() for path in (bench.folder / "outside").iterdir()} == {"kept": "kept"}


def test_every_maker_is_in_the_table():
    named = {case.name.replace(" ", "_") for case in cases()}
    made = {name for module in (hostile_sizes, hostile_places, hostile_names, hostile_sites, hostile_images, hostile_folders)
            for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__ and callable(value) and value.__doc__ is not Ellipsis
            and getattr(value, "__code__", None) and value.__code__.co_varnames[:1] in (("path",), ("folder",)) and value.__code__.co_argcount == 1}
    assert made - named == set()
