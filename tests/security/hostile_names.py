# SPDX-License-Identifier: Apache-2.0
"""Payloads whose names are weapons: paths, applications, images, and what is printed of them."""
from hostile_sizes import REFERENCE, small, with_document
from payload_writer import Payload

ESCAPES = "\x1b]0;owned\x07\x1b[2J"
BIDI = "\u202egpj.exe\u2066"


def _path(path, name):
    small().file(name, b"x").write(path)


def a_path_to_the_parent(path):
    _path(path, "a/../../etc/cron.d/x")


def an_absolute_path(path):
    _path(path, "/etc/cron.d/x")


def a_path_with_a_line_break(path):
    _path(path, "a\nb")


def a_path_with_a_nul(path):
    _path(path, "a\0b")


def a_component_of_four_thousand_bytes(path):
    _path(path, "x/" + "a" * 4096)


def a_component_of_three_hundred_bytes(path):
    _path(path, "x/" + "a" * 300)


def a_file_that_is_a_folder(path):
    small().file("x", b"x").file("x/y", b"y").write(path)


def a_name_of_sealifts_own(path):
    _path(path, ".sealift-77.tmp")


# All of these are files of their own on ext4 and xfs, and their bytes say which name they had.
UNUSUAL = ["A", "\u00e9", "e\u0301", "x.", "x ", " x", "CON", "aux.txt", "-rf", "~", "$(id)", "a\\b", "*", "\ufeffbom", "x" * 255]


def unusual_names(path):
    payload = Payload(name="hostile")
    for name in ["a", *UNUSUAL]:
        payload.file(name, name.encode())
    payload.write(path)


def names_that_write_on_the_terminal(path):
    payload = small(labels={"a" + ESCAPES: ESCAPES, "b": BIDI}, createdBy=ESCAPES, ignoredImages=[{"pattern": ESCAPES}])
    payload.contents["name"] = "hostile" + ESCAPES
    payload.contents["version"] = BIDI
    payload.file("\x9b2J", b"x").file(BIDI, b"x").write(path)


def _app(path, **fields):
    app = {"kind": "manifests", "name": "web", "root": "apps/web", **fields}
    small(apps=[app], launch=[app["name"]]).file("apps/web/x.yaml", b"{}").write(path)


def an_app_named_like_a_path(path):
    _app(path, name="../../../etc/cron.d/x")


def an_app_named_like_an_option(path):
    _app(path, name="-rf")


def an_app_with_a_line_break(path):
    _app(path, name="web\nExecStart=/bin/sh")


def an_app_that_writes_on_the_terminal(path):
    _app(path, name="web" + ESCAPES)


def a_namespace_with_a_line_break(path):
    _app(path, namespace="web\n---\nkind: ClusterRoleBinding")


def a_release_of_two_words(path):
    _app(path, release="web --set=x")


def a_root_outside(path):
    _app(path, root="../apps")


def values_that_are_not_there(path):
    _app(path, values=["/etc/shadow"])


def an_image_named_like_an_option(path):
    with_document(b'{"images":[{"name":"--all","root":' + REFERENCE + b'}],"name":"x"}').write(path)


def an_image_that_writes_on_the_terminal(path):
    with_document(b'{"images":[{"name":"a\\u001b[2J","root":' + REFERENCE + b'}],"name":"x"}').write(path)


def _host_file(path, destination):
    small(hostFiles=[{"source": "a", "destination": destination}]).write(path)


def a_file_for_the_kernel(path):
    _host_file(path, "/proc/sys/kernel/core_pattern")


def a_file_for_sysfs(path):
    _host_file(path, "/sys/fs/cgroup/x")


def a_file_over_the_authoritys_key(path):
    _host_file(path, "/etc/sealift/pki/ca.key")


def a_file_over_the_ledger(path):
    _host_file(path, "/var/lib/sealift/ledger/ledger.jsonl")


def a_file_over_the_passwords(path):
    _host_file(path, "/etc/shadow")


def a_destination_with_a_line_break(path):
    _host_file(path, "/etc/x\n/etc/y")


def a_destination_to_the_parent(path):
    _host_file(path, "/etc/../../etc/shadow")
