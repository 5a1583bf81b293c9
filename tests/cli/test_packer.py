# SPDX-License-Identifier: Apache-2.0
"""The packer as a release engineer meets it: bases, what is promised and not packed, the same bytes again."""
import json
import subprocess

import pytest

import small_base


class Project:
    def __init__(self, folder, packer, stub):
        self.folder, self.packer, self.stub = folder, packer, stub
        self.lines = small_base.write(folder)
        (folder / "hello").mkdir()
        (folder / "hello" / "hello.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: hello}\n")

    def build(self, lines, *options, output="out.run"):
        (self.folder / "Kubefile").write_text("\n".join(lines) + "\n")
        command = [self.packer, "build", "-f", "Kubefile", "-t", "shop:1.0", "-o", output, "--platform", "linux/amd64", "--stub", self.stub, *options]
        return subprocess.run(command, capture_output=True, text=True, cwd=self.folder, timeout=120)

    def contents(self, output="out.run"):
        return json.loads(subprocess.run([self.packer, "inspect", "--json", self.folder / output], capture_output=True, text=True, check=True).stdout)

    def packed(self, lines, *options, output="out.run"):
        done = self.build(lines, *options, output=output)
        assert done.returncode == 0, done.stderr
        return self.contents(output)

    def refused(self, lines, *options, code=3):
        done = self.build(lines, *options)
        assert done.returncode == code, done.stdout + done.stderr
        assert not [path.name for path in self.folder.iterdir() if path.name.startswith((".sealift", "out.run"))]
        return done.stderr


@pytest.fixture
def project(tmp_path, packer, stub):
    return Project(tmp_path, packer, stub)


def names(contents):
    return [image["name"] for image in contents["images"]]


def test_a_base_gives_its_images_and_files_but_not_its_launch(project):
    base = project.packed(["FROM scratch", "LABEL base=yes", *project.lines, "APP first local://hello", 'LAUNCH ["first"]'], output="base.run")
    assert base["launch"] == ["first"]
    shop = project.packed(["FROM base.run", "APP second local://hello NEEDS first", 'LAUNCH ["second"]'])
    assert names(shop) == names(base)
    assert [app["name"] for app in shop["apps"]] == ["first", "second"]
    assert shop["launch"] == ["second"] and shop["labels"] == {"base": "yes"}
    assert len(shop["stubs"]) == 1 and set(base["tree"]) < set(shop["tree"])


def test_a_base_that_lacks_a_platform_or_is_none_is_refused(project, tmp_path):
    project.packed(["FROM scratch", *project.lines], output="base.run")
    assert "linux/arm64" in project.refused(["FROM base.run"], "--platform", "linux/arm64")
    assert "Kubefile:1" in project.refused(["FROM none.run"])
    (tmp_path / "text.run").write_text("no artifact")
    assert "text.run" in project.refused(["FROM text.run"], code=5)


def test_an_application_twice_is_refused(project):
    project.packed(["FROM scratch", "APP first local://hello"], output="base.run")
    assert '"first" is packed already' in project.refused(["FROM base.run", "APP first local://hello"])


def test_what_kubeadm_will_ask_for_must_be_packed(project, tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "kubeadm").write_text("#!/bin/sh\n[ \"$1 $2 $3\" = 'config images list' ] || exit 9\nprintf 'registry.k8s.io/pause:3.10.1\\nregistry.k8s.io/new-thing:v1\\n'\n")
    (tools / "kubeadm").chmod(0o755)
    text = project.refused(["FROM scratch", *project.lines], "--tools", tools).splitlines()[-1]
    assert "registry.k8s.io/new-thing:v1" in text and "pause" not in text and "IMAGE" in text
    (tools / "kubeadm").write_text("#!/bin/sh\necho broken >&2\nexit 1\n")
    assert "broken" in project.refused(["FROM scratch", *project.lines], "--tools", tools, code=11)


def test_what_base_yaml_names_must_be_packed(project):
    without_config = [line for line in project.lines if not line.startswith("COPY etc/")]
    assert "etc/config.toml" in project.refused(["FROM scratch", *without_config])
    without_etcd = [line for line in project.lines if "etcd" not in line]
    assert "etcd" in project.refused(["FROM scratch", *without_etcd])


def test_layers_are_measured(project):
    contents = project.packed(["FROM scratch", *project.lines])
    # each layer is a gzip of one file that holds its image's name
    assert sorted(layer["uncompressedBytes"] for layer in contents["layers"].values()) == sorted(len(name) for name in small_base.IMAGES.values())
    assert all(layer["files"] == 1 for layer in contents["layers"].values())


def test_a_second_build_has_the_same_bytes(project, tmp_path):
    lines = ["FROM scratch", *project.lines, "APP first local://hello"]
    project.packed(lines, output="one.run")
    project.packed(lines, output="two.run")
    assert (tmp_path / "one.run").read_bytes() == (tmp_path / "two.run").read_bytes()


def test_an_output_that_is_there_stays_when_the_build_fails(project, tmp_path):
    (tmp_path / "out.run").write_text("precious")
    done = project.build(["FROM scratch", "COPY none none"])
    assert done.returncode != 0 and (tmp_path / "out.run").read_text() == "precious"
