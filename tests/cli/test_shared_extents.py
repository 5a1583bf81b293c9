# SPDX-License-Identifier: Apache-2.0
"""A build that replaces an artifact on a file system that shares extents writes only what is new."""
import os
import random
import shutil
import subprocess

import small_base
from conftest import needs

LARGE = 40_000_000  # bytes of the layer that both artifacts hold


def make_images(context):
    layout = context / "layout"
    small_base.make_layout(layout)
    small_base.add_image(layout, "docker.io/acme/large:1", random.Random(1).randbytes(LARGE))
    small_base.add_image(layout, "docker.io/acme/new:1", b"new")


def on_xfs(folder, script, *arguments):
    """Runs the shell script in a file system of its own that shares extents; returns its lines."""
    (folder / "disk").mkdir()
    with open(folder / "disk.xfs", "wb") as image:
        image.truncate(400 << 20)
    begin = 'set -eu; mkfs.xfs -q -m reflink=1 "$1.xfs"; mount -o loop "$1.xfs" "$1"; cd "$1"\n'
    done = subprocess.run(["unshare", "--mount", "sh", "-c", begin + script, "sh", folder / "disk", *arguments], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_what_the_replaced_artifact_holds_takes_no_second_room(tmp_path, packer, stub):
    needs(os.geteuid() == 0 and shutil.which("mkfs.xfs"), "root and mkfs.xfs")
    context = tmp_path / "context"
    make_images(context)
    lines = ["FROM scratch", "IMAGE --from=oci:layout docker.io/acme/large:1"]
    (context / "Kubefile").write_text("\n".join(lines) + "\n")
    (context / "more").write_text("\n".join([*lines, "IMAGE --from=oci:layout docker.io/acme/new:1"]) + "\n")
    # Both artifacts are kept open, so that the first one's room stays in use and is counted.
    script = """used() { sync -f .; df --output=used -B1 . | tail -1; }
        "$2" build "$3" -t large:1 -o out.run --stub "$4" >&2; exec 9< out.run; used
        "$2" build "$3" -f "$3/more" -t large:1 -o out.run --stub "$4" >&2; used
        ./out.run verify >&2; sha256sum < out.run; "$2" build "$3" -f "$3/more" -t large:1 -o fresh.run --stub "$4" >&2; sha256sum < fresh.run"""
    before, after, again, fresh = on_xfs(tmp_path, script, packer, context, stub)
    assert int(after) - int(before) < LARGE // 2, done.stdout
    assert again == fresh


def test_what_is_shared_with_a_base_that_was_verified_is_not_read_again(tmp_path, packer, stub):
    needs(os.geteuid() == 0 and shutil.which("mkfs.xfs"), "root and mkfs.xfs")
    context = tmp_path / "context"
    make_images(context)
    (context / "Kubefile").write_text("FROM scratch\nIMAGE --from=oci:layout docker.io/acme/large:1\n")
    (context / "above").write_text("FROM base.run\nIMAGE --from=oci:layout docker.io/acme/new:1\n")
    # Damage that a disk does by itself can't be played: what is written to the base, by a person, takes its note away.
    # So the test writes a note for the damaged base, which is what makes the damage unseen.
    script = """export XDG_DATA_HOME="$PWD/data"
        stamp() { stat -c '%D %i %s %.9Y %.9Z' "$1" | sed 's/^0*//; s/ /-/g'; }
        used() { sync -f .; df --output=used -B1 . | tail -1; }
        above() { "$2" build "$3" -f "$3/above" -t above:1 -o above.run --stub "$4" >&2; }
        "$2" build "$3" -t base:1 -o base.run --stub "$4" >&2; ls data/sealift/store/verified; stamp base.run
        used; above "$@"; used; ./above.run verify >&2; sha256sum < above.run
        rm -r data; above "$@"; sha256sum < above.run
        printf damage | dd of=base.run bs=1 seek=40000000 conv=notrunc 2> /dev/null
        above "$@" && echo unseen || echo $?
        touch "data/sealift/store/verified/$(stamp base.run)"; above "$@" && echo unseen || echo $?"""
    note, stamp, before, after, one, other, without, with_note = on_xfs(tmp_path, script, packer, context, stub)
    assert note == stamp
    assert int(after) - int(before) < LARGE // 2
    assert one == other
    assert (without, with_note) == ("5", "unseen")
