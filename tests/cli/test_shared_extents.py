# SPDX-License-Identifier: Apache-2.0
"""A build that replaces an artifact on a file system that shares extents writes only what is new."""
import os
import random
import shutil
import subprocess

import small_base
from conftest import needs

LARGE = 40_000_000  # bytes of the layer that both artifacts hold


def test_what_the_replaced_artifact_holds_takes_no_second_room(tmp_path, packer, stub):
    needs(os.geteuid() == 0 and shutil.which("mkfs.xfs"), "root and mkfs.xfs")
    context = tmp_path / "context"
    layout = context / "layout"
    small_base.make_layout(layout)
    small_base.add_image(layout, "docker.io/acme/large:1", random.Random(1).randbytes(LARGE))
    small_base.add_image(layout, "docker.io/acme/new:1", b"new")
    lines = ["FROM scratch", "IMAGE --from=oci:layout docker.io/acme/large:1"]
    (context / "Kubefile").write_text("\n".join(lines) + "\n")
    (context / "more").write_text("\n".join([*lines, "IMAGE --from=oci:layout docker.io/acme/new:1"]) + "\n")
    (tmp_path / "disk").mkdir()
    with open(tmp_path / "disk.xfs", "wb") as image:
        image.truncate(400 << 20)
    # Both artifacts are kept open, so that the first one's room stays in use and is counted.
    script = """set -eu; mkfs.xfs -q -m reflink=1 "$1.xfs"; mount -o loop "$1.xfs" "$1"; cd "$1"
        used() { sync -f .; df --output=used -B1 . | tail -1; }
        "$2" build "$3" -t large:1 -o out.run --stub "$4" >&2; exec 9< out.run; used
        "$2" build "$3" -f "$3/more" -t large:1 -o out.run --stub "$4" >&2; used
        ./out.run verify >&2; sha256sum < out.run; "$2" build "$3" -f "$3/more" -t large:1 -o fresh.run --stub "$4" >&2; sha256sum < fresh.run"""
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", tmp_path / "disk", packer, context, stub], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    before, after, again, fresh = done.stdout.splitlines()
    assert int(after) - int(before) < LARGE // 2, done.stdout
    assert again == fresh
