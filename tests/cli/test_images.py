# SPDX-License-Identifier: Apache-2.0
"""`sealift images`, `sealift why` and `sealift inspect --images`: the same reasons before and after packing."""
import subprocess

import pytest
import small_base

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n  - {name: c, image: quay.io/shop/web:1}\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "pod.yaml").write_text(POD)
    (tmp_path / "list.txt").write_text("# ours\nquay.io/shop/tool:2\n")
    (tmp_path / "Kubefile").write_text("FROM scratch\nAPP web local://web\nIMAGE list.txt\n")
    return tmp_path


@pytest.fixture
def sealift(packer, stub, folder):
    def call(*arguments):
        return subprocess.run([packer, *map(str, arguments)], capture_output=True, text=True, cwd=folder, timeout=60)
    return call


def layout(folder):
    small_base.make_layout(folder / "images")
    for name in ("quay.io/shop/web:1", "quay.io/shop/tool:2"):
        small_base.add_image(folder / "images", name, name.encode())


def test_images_lists_names_without_fetching_anything(sealift):
    done = sealift("images")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "quay.io/shop/tool:2\nquay.io/shop/web:1\n"
    done = sealift("images", "--why")
    assert done.stdout == ("quay.io/shop/tool:2\n    IMAGE list.txt, list.txt:2\n"
                           "quay.io/shop/web:1\n    APP web: Pod/web .spec.containers[0].image, apps/web/pod.yaml (container)\n")


def test_why_takes_a_name_or_a_part_of_it_and_an_artifact(sealift, stub, folder):
    for name in ("quay.io/shop/web:1", "web"):
        done = sealift("why", name)
        assert done.returncode == 0 and done.stdout.startswith("quay.io/shop/web:1\n    APP web: Pod/web"), done.stderr
    done = sealift("why", "quay.io/shop/web:2")
    assert done.returncode != 0 and "did you mean quay.io/shop/web:1?" in done.stderr and not done.stdout
    layout(folder)
    done = sealift("build", "-o", "shop.run", "--platform", "linux/amd64", "--stub", stub, "--images", "oci:images")
    assert done.returncode == 0, done.stderr
    done = sealift("why", "web", "shop.run")
    assert done.stdout == "quay.io/shop/web:1\n    APP web: Pod/web .spec.containers[0].image, apps/web/pod.yaml (container)\n", done.stderr
    done = sealift("inspect", "--images", "shop.run")
    assert "quay.io/shop/tool:2\n    IMAGE list.txt\n" in done.stdout


def test_an_image_that_is_nowhere_has_an_exit_code(sealift):
    assert sealift("why", "nothing").returncode == 7
    assert sealift("why").returncode == 2
    assert sealift("images", "-f", "absent").returncode == 7


def test_the_artifact_does_not_depend_on_where_it_was_built(packer, stub, folder, tmp_path_factory):
    layout(folder)
    other = tmp_path_factory.mktemp("other")
    (other / "deep").mkdir()
    subprocess.run(["cp", "-r", folder, other / "deep" / "copy"], check=True)
    made = []
    for context, arguments in ((folder, ["."]), (other, ["deep/copy"])):
        subprocess.run([packer, "build", "-f", f"{arguments[0]}/Kubefile", "-o", "same.run", "--platform", "linux/amd64", "--stub", stub,
                        "--images", f"oci:{arguments[0]}/images", *arguments], cwd=context, check=True, capture_output=True)
        made.append((context / "same.run").read_bytes())
    assert made[0] == made[1]
