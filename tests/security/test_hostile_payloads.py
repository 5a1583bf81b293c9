# SPDX-License-Identifier: Apache-2.0
"""Payloads, folders and configurations that are well-formed enough to be looked at, and were made to do harm: what each
command must say of them, how long it may take and how much memory (tests/security/README.md). How each is made: the
function of its name in hostile_*.py."""
import dataclasses
import inspect
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
from programs import packer, stub  # noqa: F401: fixtures

MEMORY = 128 << 10  # KiB
SECONDS = 20

# name | command | exit code | what its output must contain
TABLE = r"""
a million objects                                   | info                  | 5  | metadata of 64000
as many objects as fit                              | info                  | 0  | images      0
as many objects as fit                              | load                  | 0  | identity
an index decoded to a gigabyte                      | info                  | 5  | section index has 1073741824 bytes, at most 25165824 are allowed
an index larger than declared                       | info                  | 5  | does not state the plain size that was declared, 200 bytes
an index that claims less than it gives             | info                  | 5  | zstd:
an index of zeros                                   | info                  | 5  | bytes too many at offset 16
contents decoded to a terabyte                      | info                  | 5  | section contents has 1099511627776 bytes, at most 16777216 are allowed
contents larger than declared                       | info                  | 5  | does not state the plain size that was declared, 300 bytes
contents of blanks                                  | info                  | 5  | not JSON at byte 16777217
contents one byte too large                         | info                  | 5  | section contents has 16777217 bytes, at most 16777216 are allowed
contents of one text                                | info                  | 5  | "name" is too long
a million files                                     | info                  | 5  | metadata of 114000306 bytes, at most 25165824 are allowed
many files                                          | info                  | 0  | 80000 in the tree
many files                                          | list                  | 0  | 079999
many files                                          | inspect --tree        | 0  | 079999
a million images                                    | info                  | 5  | at most 25165824 are allowed
many images                                         | info                  | 0  | images      90000
a million labels                                    | info                  | 5  | "labels" has too many entries
many labels                                         | info                  | 0  | label       389999=
a million names to launch                           | info                  | 5  | "launch" has too many entries
many bases                                          | info                  | 0  | images      0
a million uses                                      | info                  | 5  | more than 100000 values in entry 1 of "apps"
many apps                                           | info                  | 0  | a000000, a000001
empty lists at once                                 | info                  | 5  | more than 1677721 values
empty objects in an entry                           | info                  | 5  | more than 100000 values in entry 1 of "x"
empty texts in a member nobody knows                | info                  | 5  | more than 100000 values in entry 1 of "x"
members of the document                             | info                  | 5  | more than 838860 values
deep nesting                                        | info                  | 5  | nested deeper than 16 levels
a number without end                                | info                  | 5  | not JSON
a number of a million digits                        | info                  | 5  | not JSON at byte 1000114
a size that is negative                             | info                  | 5  | "size" is not a natural number
a path twice                                        | info                  | 5  | the key "a" stands twice
a path twice with another between                   | info                  | 5  | the key "a" stands twice
sixty four sections                                 | info                  | 0  | images      0
sixty five sections                                 | info                  | 5  | 65 sections, at most 64 are allowed
a frame of four gigabytes                           | info                  | 5  | is larger than 8388608 bytes
a frame that gives more                             | info                  | 0  | images      0
a frame that gives more                             | verify                | 0  | sound
a frame that gives more                             | extract               | 5  | decoding the frame at payload offset 64
a frame for each byte                               | verify                | 0  | sound
a frame for each byte                               | extract               | 0  | 1 file
every frame damaged                                 | verify                | 5  | 200000 damaged places
every frame damaged of many objects                 | verify                | 5  | 100000 damaged places
shared                                              | info                  | 0  | 2 in the tree
shared                                              | extract               | 5  | does not have the bytes that its name says
shared                                              | build                 | 0  | identity
overlapping pieces                                  | verify                | 0  | sound
overlapping pieces                                  | extract               | 0  | 3 files
a piece beyond the frames                           | info                  | 5  | lies outside the frames
a piece of the metadata                             | info                  | 5  | lies outside the frames
a piece that wraps around                           | info                  | 5  | lies outside the frames
pieces whose sum wraps around                       | info                  | 5  | lies outside the frames
a piece of a frame far away                         | info                  | 5  | lies outside the frames
a first piece far away                              | info                  | 5  | its first one must be number 0
an object twice                                     | info                  | 5  | each once
a frame in the header                               | info                  | 5  | overlaps what stands before or after it
a frame over the metadata                           | info                  | 5  | overlaps what stands before or after it
a frame over the trailer                            | info                  | 5  | overlaps what stands before or after it
a frame before the payload                          | info                  | 5  | overlaps what stands before or after it
frames over each other                              | info                  | 5  | overlaps what stands before or after it
a section over a frame                              | info                  | 5  | parts overlap at payload offset 64
a chain of sections over each other                 | info                  | 5  | parts overlap at payload offset 64
a byte of each of two frames in turn                | info                  | 5  | would have to be decoded for them
one frame again and again                           | info                  | 0  | 1 in the tree
one frame again and again                           | extract               | 7  | free, and the files take
one frame again and again                           | load                  | 0  | identity
one frame again and again                           | diff                  | 0  | are not in the first one
a file for each digest of one frame                 | extract               | 7  | free, and the files take
a path to the parent                                | info                  | 5  | is not safe
a path to the parent                                | push                  | 5  | is not safe
a path to the parent                                | load                  | 5  | is not safe
a path to the parent                                | diff                  | 5  | is not safe
a path to the parent                                | build                 | 5  | is not safe
an absolute path                                    | info                  | 5  | is not safe
a path with a line break                            | info                  | 5  | is not safe
a path with a nul                                   | info                  | 5  | is not safe
a component of four thousand bytes                  | info                  | 5  | is not safe
a component of three hundred bytes                  | extract               | 7  | look at 
a file that is a folder                             | info                  | 5  | as a file and as a folder
a name of sealifts own                              | extract               | 3  | unfinished files have such names
unusual names                                       | extract               | 0  | 16 files
unusual names                                       | list                  | 0  | $(id)
names that write on the terminal                    | info                  | 0  | \x1b]0;owned
names that write on the terminal                    | list                  | 0  | \u{202e}gpj.exe
names that write on the terminal                    | verify                | 0  | sound
names that write on the terminal                    | extract               | 0  | 3 files
names that write on the terminal                    | inspect               | 0  | \x1b]0;owned
names that write on the terminal                    | inspect --tree        | 0  | \u{202e}gpj.exe
names that write on the terminal                    | diff                  | 0  | \x1b]0;owned
names that write on the terminal                    | load                  | 2  | write name or name:version
an app named like a path                            | info                  | 5  | can't be an app's
an app named like an option                         | info                  | 5  | can't be an app's
an app with a line break                            | info                  | 5  | can't be an app's
an app that writes on the terminal                  | info                  | 5  | can't be an app's
a namespace with a line break                       | info                  | 5  | is not a namespace
a release of two words                              | info                  | 5  | is not the name of a release
a root outside                                      | info                  | 5  | is not a safe relative path
values that are not there                           | info                  | 5  | which are not in the tree
an image named like an option                       | info                  | 5  | is not the name of an image
an image that writes on the terminal                | info                  | 5  | is not the name of an image
a file for the kernel                               | info                  | 5  | is no place for a file
a file for sysfs                                    | info                  | 5  | is no place for a file
a file over the authoritys key                      | info                  | 5  | belongs to Sealift itself
a file over the ledger                              | info                  | 5  | belongs to Sealift itself
a file over the passwords                           | info                  | 5  | lists the host's users
a destination with a line break                     | info                  | 5  | is not a safe absolute path
a destination to the parent                         | info                  | 5  | is not a safe absolute path
a sound base                                        | plan --offline        | 0  | nothing was changed
apps that need each other                           | plan --offline        | 3  | need each other in a circle: one, two
a base that laughs                                  | plan --offline        | 5  | more than 200000 values
a base of two megabytes                             | plan --offline        | 5  | at most 1048576 are read here
a base of many files                                | plan --offline        | 0  | nothing was changed
a base nested deep                                  | plan --offline        | 5  | nested deeper than 64 levels
a base file over the mirror                         | plan --offline        | 3  | belongs to Sealift itself
a base file for the kernel                          | plan --offline        | 3  | is no place for a file
a base file over the passwords                      | plan --offline        | 3  | lists the host's users
a base file with a line break                       | plan --offline        | 3  | holds a control character
a unit named like a path                            | plan --offline        | 3  | is not the name of a unit
a sysctl of two lines                               | plan --offline        | 3  | is not a kernel setting
a module with options                               | plan --offline        | 3  | a word is expected here
kubeadm that laughs                                 | plan --offline        | 3  | more than 200000 values
kubeadm that takes the endpoint                     | plan --offline        | 3  | of the artifact's base sets controlPlaneEndpoint
kubeadm that takes the token                        | plan --offline        | 3  | of the artifact's base sets discovery
kubeadm that mounts sealifts keys                   | plan --offline        | 3  | sets hostPath to /etc/sealift/pki, which belongs to Sealift itself
kubeadm that keeps etcd over the payloads           | plan --offline        | 3  | sets dataDir to /var/lib/sealift/payloads
kubeadm whose keys lie in proc                      | plan --offline        | 3  | sets certificatesDir
kubeadm with a line break in an argument            | plan --offline        | 0  | nothing was changed
site kubeadm that mounts sealifts keys              | plan --offline        | 3  | of cluster.yaml sets hostPath to /run/sealift/jobs
a configuration that laughs                         | plan --offline        | 3  | more than 200000 values
a configuration of five megabytes                   | plan --offline        | 5  | more than 4194304 bytes
a configuration with a host file over the passwords | plan --offline        | 3  | lists the host's users
a chart without end                                 | plan --offline        | 12 | is there a template without end?
a chart of one line without end                     | plan --offline        | 12 | is there a template without end?
a chart that complains without end                  | plan --offline        | 12 | is there a template without end?
a chart that laughs                                 | plan --offline        | 0  | nothing was changed
a chart of many objects                             | plan --offline        | 0  | nothing was changed
a chart that dials out                              | plan --offline        | 12 | no way out
values of many keys                                 | plan --offline        | 0  | nothing was changed
values of five megabytes                            | plan --offline        | 0  | could not be checked
a base that is a bomb                               | plan --offline        | 5  | at most 1048576 are read here
a zstd layer of a terabyte                          | build                 | 5  | a layer grows from
a gzip layer of many gigabytes                      | build                 | 5  | a layer grows from
a gzip layer without end                            | build                 | 3  | ends within a member
a gzip layer of empty members                       | build                 | 0  | identity
a layer that is no tar                              | build                 | 3  | Unrecognized archive format
a layer of a huge file                              | build                 | 3  | Tar entry size overflow
layers whose sizes wrap around                      | build                 | 3  | Tar entry size overflow
a layer of a sparse file                            | build                 | 3  | Tar entry size overflow
a layer with a gigabyte of pax header               | build                 | 3  | a layer can't be read as
a layer with a gigabyte of name                     | build                 | 3  | a layer can't be read as
a layer of many entries                             | build                 | 0  | identity
a layer of paths to the parent                      | build                 | 0  | identity
a manifest of empty lists                           | build                 | 3  | it is not a JSON object
a manifest nested deep                              | build                 | 3  | it is not a JSON object
a manifest whose layer is itself                    | build                 | 7  | which a manifest in it names
a chart of gigabytes                                | build                 | 3  | its files are too large
a chart with a link out                             | build                 | 3  | web/templates is not a regular file
a chart with a path out                             | build                 | 3  | is no name of a file in a chart's folder
a chart with many files                             | build                 | 3  | it holds more than 10000 files
a chart folder with a link out                      | build                 | 3  | outside of the folder and of the build's context
attachments that refer to each other                | inspect --attachments | 0  | sha256:
a packed manifest of empty lists                    | inspect --attachments | 3  | it is not a JSON object
a packed manifest of empty lists                    | inspect --sbom spdx   | 3  | it is not a JSON object
a packed manifest of terabytes                      | inspect --attachments | 5  | at most 4194304 are read here
a packed manifest that is no json                   | inspect --attachments | 3  | it is not a JSON object
links to outside                                    | extract               | 7  | nothing is written through it
links to outside                                    | extract --overwrite   | 7  | nothing is written through it
a link within                                       | extract               | 7  | nothing is written through it
a link where the file belongs                       | extract               | 7  | is there already
a link where the file belongs                       | extract --overwrite   | 0  | 2 files
a dangling link where the file belongs              | extract               | 7  | is there already
a dangling link where the file belongs              | extract --overwrite   | 0  | 2 files
a hard link where the file belongs                  | extract               | 7  | is there already
a hard link where the file belongs                  | extract --overwrite   | 0  | 2 files
a pipe where the file belongs                       | extract               | 7  | is there already
a pipe where the file belongs                       | extract --overwrite   | 0  | 2 files
a pipe where a folder belongs                       | extract --overwrite   | 7  | nothing is written through it
a socket where the file belongs                     | extract --overwrite   | 0  | 2 files
a folder where the file belongs                     | extract               | 7  | is there already
a folder where the file belongs                     | extract --overwrite   | 7  | rename to
a file where a folder belongs                       | extract --overwrite   | 7  | nothing is written through it
a file of another time                              | extract               | 7  | --overwrite
a file of another time                              | extract --overwrite   | 0  | 2 files
a folder that is a pipe                             | extract               | 7  | exists and is not a folder
"""

MODULES = (hostile_sizes, hostile_places, hostile_names, hostile_sites, hostile_images, hostile_folders)


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


def makers():
    """name → function, of all modules."""
    return {name.replace("_", " "): function for module in MODULES for name, function in vars(module).items()
            if inspect.isfunction(function) and function.__module__ == module.__name__ and list(inspect.signature(function).parameters) in (["path"], ["folder"])}


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
        make, verb = makers()[case.name], case.command.split()[0]
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
        assert text.splitlines()[-1].startswith(("error: ", "sealift: ", "  ")), text[-500:]
    if (bench.folder / "outside").exists():
        assert {path.name: path.read_text() for path in (bench.folder / "outside").iterdir()} == {"kept": "kept"}


def test_every_maker_is_in_the_table():
    assert set(makers()) == {case.name for case in cases()}
