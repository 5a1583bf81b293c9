# SPDX-License-Identifier: Apache-2.0
"""`sealift convert`: what of sealer, sealos and Zarf becomes ours, and that a build takes it."""
import pathlib
import shutil
import subprocess

import pytest

CASES = pathlib.Path(__file__).resolve().parents[1] / "golden" / "convert"

MANIFEST = """apiVersion: v1
kind: ConfigMap
metadata: {name: shop}
"""


def convert(packer, *arguments, **options):
    return subprocess.run([packer, "convert", *map(str, arguments)], capture_output=True, text=True, **options)


@pytest.fixture
def shop(tmp_path):
    """A folder as sealer has it: nothing in its Kubefile is without an equivalent."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "a.yaml").write_text(MANIFEST)
    (tmp_path / "Kubefile").write_text("FROM scratch\nCOPY shop .\nCMD kubectl apply -f shop/a.yaml")
    return tmp_path


def test_the_result_is_printed_and_the_report_is_beside_it(packer, shop):
    done = convert(packer, "Kubefile", cwd=shop)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "FROM scratch" and "local://shop/a.yaml" in done.stdout
    lines = done.stderr.splitlines()
    assert lines[0].startswith("Kubefile:1: FROM scratch: kept")
    assert lines[-1] == "1 kept, 1 changed, 1 not needed, 0 without an equivalent"


def test_what_is_written_can_be_built(packer, stub, shop):
    done = convert(packer, shop, "-o", shop / "new")
    assert done.returncode == 0 and done.stdout == "", done.stderr
    built = subprocess.run([packer, "build", shop, "-f", shop / "new" / "Kubefile", "-o", shop / "shop.run", "--stub", stub], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr


def test_nothing_is_overwritten(packer, shop):
    before = (shop / "Kubefile").read_text()
    done = convert(packer, shop, "-o", shop)
    assert done.returncode == 7 and "Kubefile is there already" in done.stderr and "-o" in done.stderr
    assert (shop / "Kubefile").read_text() == before
    # not even in part: the first file is new, the second one is there
    case = shop / "case"
    shutil.copytree(CASES / "helm-variables" / "source", case)
    (case / "out" / "values").mkdir(parents=True)
    (case / "out" / "values" / "search.yaml").write_text("mine: 1\n")
    done = convert(packer, case, "-o", case / "out")
    assert done.returncode == 7 and not (case / "out" / "Kubefile").exists()
    assert (case / "out" / "values" / "search.yaml").read_text() == "mine: 1\n"


def test_what_has_no_equivalent_ends_with_3_and_all_else_is_written(packer, tmp_path):
    done = convert(packer, CASES / "cluster-v2" / "source" / "Clusterfile", "-o", tmp_path / "new")
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith("sealift: 8 lines are without an equivalent")
    text = (tmp_path / "new" / "cluster.yaml").read_text()
    assert text == (CASES / "cluster-v2" / "converted" / "cluster.yaml").read_text()
    assert "hunter2" not in text + done.stderr


def test_further_files_are_comments_of_what_is_printed(packer):
    done = convert(packer, CASES / "helm-variables" / "source")
    assert done.returncode == 0, done.stderr
    assert "\n# values/search.yaml:\n#   antiAffinity: soft\n" in done.stdout


def test_a_folder_with_two_files_needs_a_folder_to_write_into(packer, shop):
    shutil.copy(CASES / "cluster-sealos" / "source" / "Clusterfile", shop)
    done = convert(packer, shop)
    assert done.returncode == 2 and "-o" in done.stderr and done.stdout == ""
    done = convert(packer, shop, "-o", shop / "new")
    assert done.returncode == 3 and (shop / "new" / "Kubefile").exists() and (shop / "new" / "cluster.yaml").exists()


def test_other_files_are_refused(packer, tmp_path):
    (tmp_path / "Dockerfile").write_text("FROM golang:1.20\nRUN make\nENTRYPOINT [\"/app\"]\n")
    for what, code, text in ((tmp_path / "Dockerfile", 3, "makes a container image"), (tmp_path, 3, "makes a container image"),
                             (tmp_path / "none", None, "none"), (CASES, None, "no Kubefile, Clusterfile or zarf.yaml in it")):
        done = convert(packer, what)
        assert done.returncode == code if code else done.returncode != 0
        assert text in done.stderr and done.stdout == ""


def test_a_build_points_to_it(packer, shop):
    done = subprocess.run([packer, "build", shop, "-o", shop / "x.run"], capture_output=True, text=True)
    assert done.returncode != 0 and "sealift convert" in done.stderr
