# SPDX-License-Identifier: Apache-2.0
"""`sealift diff`: what a site that has one artifact gets with another."""
import json
import random
import subprocess

import pytest

import small_base

MANIFEST = """apiVersion: v1
kind: ConfigMap
metadata: {{name: {name}}}
data: {{text: "{text}"}}
"""


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory, packer, stub):
    """Two versions of a product, 1.0 and 1.1."""
    context = tmp_path_factory.mktemp("diff")
    small_base.make_layout(context / "images")
    common = random.Random(1).randbytes(3_000_000)
    for name, content in {"docker.io/acme/same:1": common, "docker.io/acme/web:1.0": b"web 1.0", "docker.io/acme/web:1.1": random.Random(2).randbytes(500_000),
                          "docker.io/acme/old:1": b"old", "docker.io/acme/new:1": common + b"more"}.items():
        small_base.add_image(context / "images", name, content)

    def build(version, images, apps, lines):
        (context / version).mkdir()
        for app, text in apps.items():
            (context / version / f"{app}.yaml").write_text(MANIFEST.format(name=app, text=text))
        kubefile = context / f"Kubefile-{version}"
        kubefile.write_text("\n".join(["FROM scratch", *(f"IMAGE --from=oci:images docker.io/acme/{image}" for image in images),
                                       *(f"APP {app} local://{version}/{app}.yaml" for app in apps), *lines]) + "\n")
        output = context / f"{version}.run"
        done = subprocess.run([packer, "build", context, "-f", kubefile, "-t", f"shop:{version}", "-o", output, "--stub", stub], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return output

    (context / "readme").write_text("first")
    (context / "gone").write_text("gone")
    first = build("1.0", ["same:1", "web:1.0", "old:1"], {"db": "same", "web": "old", "cron": "x"}, ["COPY readme docs/readme", "COPY gone docs/gone", "ENV A=1"])
    (context / "readme").write_text("second")
    second = build("1.1", ["same:1", "web:1.1", "new:1"], {"db": "same", "web": "new", "shop": "y"}, ["COPY readme docs/readme", "COPY readme docs/more", "ENV A=2", "ENV B=3"])
    return first, second


def diff(packer, *arguments):
    return subprocess.run([packer, "diff", *map(str, arguments)], capture_output=True, text=True)


def test_what_came_went_and_changed_is_listed(packer, artifacts):
    done = diff(packer, *artifacts)
    assert done.returncode == 0 and not done.stderr, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("shop 1.0 (") and " -> shop 1.1 (" in lines[0]
    for heading in ("applications: 1 added, 1 removed, 1 changed", "images: 1 added, 1 removed, 1 changed", "settings: 1 added, 0 removed, 1 changed"):
        assert heading in lines, done.stdout
    for line in ("  + shop", "  - cron", "  ~ web", "  - docker.io/acme/old:1", "  + docs/more", "  - docs/gone", "  ~ docs/readme", "  ~ ENV A  1 -> 2", "  + ENV B  3"):
        assert line in lines, done.stdout
    assert any(line.startswith("  ~ docker.io/acme/web  1.0 -> 1.1  (") for line in lines), done.stdout
    assert not any("same" in line or " db" in line for line in lines), done.stdout


def test_the_bytes_that_are_needed_are_those_that_the_first_does_not_hold(packer, artifacts):
    there = json.loads(diff(packer, "--json", *artifacts).stdout)
    images = {entry["name"]: entry["newBytes"] for entry in there["images"]["added"] + there["images"]["changed"]}
    assert set(images) == {"docker.io/acme/new:1", "docker.io/acme/web"}
    assert 500_000 < images["docker.io/acme/web"] < 520_000 and 3_000_000 < images["docker.io/acme/new:1"] < 3_010_000
    assert sum(images.values()) <= there["neededBytes"] < sum(images.values()) + 50_000
    assert there["neededBytes"] + 3_000_000 < there["storedBytes"]
    assert there["from"]["name"] == "shop 1.0" and len(there["to"]["identity"]) == 64


def test_of_an_artifact_and_itself_nothing_differs(packer, artifacts):
    done = diff(packer, artifacts[0], artifacts[0])
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 3, done.stdout
    assert done.stdout.splitlines()[-1].startswith("0 B of ") and done.stdout.endswith(" are not in the first one\n")


def test_what_is_no_artifact_is_named(packer, artifacts, tmp_path):
    (tmp_path / "text").write_text("x" * 200)
    for arguments, named in (((artifacts[0], tmp_path / "text"), tmp_path / "text"), ((tmp_path / "none", artifacts[0]), tmp_path / "none")):
        done = diff(packer, *arguments)
        assert done.returncode != 0 and str(named) in done.stderr and not done.stdout


def test_inspect_tells_what_each_application_adds(packer, artifacts):
    shown = subprocess.run([packer, "inspect", artifacts[1]], capture_output=True, text=True, check=True).stdout
    assert "  shop                 manifests  -" in shown and "\nlargest layers\n" in shown
    layers = shown.split("largest layers\n")[1].split("\n\n")[0].splitlines()
    assert [line.split()[-1] for line in layers] == ["docker.io/acme/new:1", "docker.io/acme/same:1", "docker.io/acme/web:1.1"]
    tree = subprocess.run([packer, "inspect", "--tree", artifacts[1]], capture_output=True, text=True, check=True).stdout
    assert "0644            6 docs/readme\n" in tree and "apps/db/" in tree
