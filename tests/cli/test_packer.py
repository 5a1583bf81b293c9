# SPDX-License-Identifier: Apache-2.0
"""The packer as a release engineer uses it: bases, promises without the packed files, reproducible bytes."""
import hashlib
import json
import os
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
        platform = [] if "--platform" in options else ["--platform", "linux/amd64"]
        command = [self.packer, "build", "-f", "Kubefile", "-t", "shop:1.0", "-o", output, *platform, "--stub", self.stub, *options]
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
        assert not [path.name for path in self.folder.iterdir() if path.name.startswith((".sealift-", "out.run"))]
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
    # each layer is a gzip of one file that contains its image's name
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


def test_a_base_on_a_base_gives_what_both_have(project, tmp_path):
    (tmp_path / "motd").write_text("welcome\n")
    bottom = project.packed(["FROM scratch", "ENV ZONE=a SITE=x", *project.lines, "CNI net local://hello", "FILE motd /etc/motd"], output="bottom.run")
    project.packed(["FROM bottom.run", "ENV ZONE=b", "APP first local://hello", "FILE --mode=0600 motd /etc/motd", "LABEL layer=middle"], output="middle.run")
    top = project.packed(["FROM middle.run", "APP second local://hello NEEDS first net", 'LAUNCH ["second"]'])
    assert names(top) == names(bottom) and top["layers"] == bottom["layers"]
    assert [app["name"] for app in top["apps"]] == ["first", "net", "second"]
    assert top["environment"] == {"SITE": "x", "ZONE": "b"} and top["labels"] == {"layer": "middle"}
    assert [(file["destination"], file["mode"]) for file in top["hostFiles"]] == [("/etc/motd", 0o600)]
    assert len(top["bases"]) == 2 and len(set(top["bases"])) == 2
    # the bytes are there without the bases
    for name in ("bottom.run", "middle.run"):
        (tmp_path / name).unlink()
    shown = subprocess.run([project.packer, "inspect", tmp_path / "out.run"], capture_output=True, text=True, check=True).stdout
    assert "registry.k8s.io/etcd:3.6.5-0" in shown


def test_two_platforms_in_one_artifact(project, tmp_path):
    arm = tmp_path / "stub-arm"
    arm.write_bytes(b"\x7fELF" + bytes(14) + b"\xb7\x00" + bytes(4076))
    small_base.add_index(tmp_path / "images", "quay.io/both/app:1", {"amd64/v3": b"fast", "amd64": b"amd", "arm64/v8": b"arm", "s390x": b"other"})
    both = project.packed(["FROM scratch", "IMAGE --from=oci:images quay.io/both/app:1"], "--platform", "linux/amd64,linux/arm64", "--stub", arm)
    assert [stub["architecture"] for stub in both["stubs"]] == ["amd64", "arm64"]
    assert [platform["architecture"] for platform in both["images"][0]["platforms"]] == ["amd64", "arm64"]
    # plain amd64, not the variant before it
    assert sorted(layer["uncompressedBytes"] for layer in both["layers"].values()) == [3, 3]
    (tmp_path / "out.run").unlink()
    assert "linux/arm64" in project.refused(["FROM scratch", "IMAGE --from=oci:images registry.k8s.io/pause:3.10.1"], "--platform", "linux/amd64,linux/arm64", "--stub", arm)
    assert "stub-aarch64" in project.refused(["FROM scratch"], "--platform", "linux/arm64", code=7)


def test_files_of_hosts_have_their_role_mode_owner_and_template(project, tmp_path):
    (tmp_path / "ntp.conf.tmpl").write_text("server ${NTP}\n")
    (tmp_path / "tune.sh").write_text("#!/bin/sh\n")
    contents = project.packed(["FROM scratch", "ENV NTP=ntp.example", "FILE --mode=0640 --owner=0:5 ntp.conf.tmpl /etc/ntp.conf", "FILE --role worker --mode 0755 tune.sh /usr/local/bin/tune"])
    ntp, tune = contents["hostFiles"]
    assert (ntp["destination"], ntp["mode"], ntp["gid"], ntp["template"]) == ("/etc/ntp.conf", 0o640, 5, True)
    assert (tune["destination"], tune["mode"], tune["role"]) == ("/usr/local/bin/tune", 0o755, "worker")
    assert contents["environment"] == {"NTP": "ntp.example"}
    assert {ntp["source"], tune["source"]} <= set(contents["tree"])


def test_a_file_with_another_checksum_is_refused(project, tmp_path):
    (tmp_path / "tool").write_text("the tool")
    right, wrong = (hashlib.sha256(text).hexdigest() for text in (b"the tool", b"another"))
    contents = project.packed(["FROM scratch", f"ADD --checksum=sha256:{right} tool bin/tool"])
    assert contents["tree"]["bin/tool"]["object"]["digest"] == "sha256:" + right
    (tmp_path / "out.run").unlink()
    text = project.refused(["FROM scratch", f"ADD --checksum=sha256:{wrong} tool bin/tool"], code=5)
    assert "Kubefile:2" in text and right in text and wrong in text


def test_a_layer_that_was_packed_as_a_file_before_is_measured(project, tmp_path):
    layer = small_base.add_image(tmp_path / "images", "quay.io/one/app:1", b"seven..")
    (tmp_path / "same").write_bytes((tmp_path / "images" / "blobs" / "sha256" / layer.removeprefix("sha256:")).read_bytes())
    project.packed(["FROM scratch", "COPY same same"], output="base.run")
    assert project.packed(["FROM base.run", "IMAGE --from=oci:images quay.io/one/app:1"])["layers"] == {layer: {"files": 1, "uncompressedBytes": 7}}


def test_a_chart_without_its_dependencies_is_refused_with_the_remedy(project, tmp_path):
    (tmp_path / "erp").mkdir()
    (tmp_path / "erp" / "Chart.yaml").write_text("apiVersion: v2\nname: erp\nversion: 1.0.0\ndependencies:\n- {name: redis, version: ^18.0.0, repository: 'https://charts.example'}\n")
    text = project.refused(["FROM scratch", "APP erp local://erp"])
    assert "Kubefile:2" in text and "redis ^18.0.0" in text and "helm dependency build ./erp" in text
    (tmp_path / "erp" / "charts" / "redis").mkdir(parents=True)
    (tmp_path / "erp" / "charts" / "redis" / "Chart.yaml").write_text("apiVersion: v2\nname: redis\nversion: 18.1.0\n")
    rendered = small_base.empty_helm(tmp_path)
    assert "--kubernetes-version" in project.refused(["FROM scratch", "APP erp local://erp"], *rendered[:2])
    assert "no helm for this machine" in project.refused(["FROM scratch", "APP erp local://erp"], *rendered[2:])
    assert project.packed(["FROM scratch", "APP erp local://erp"], *rendered)["apps"][0]["version"] == "1.0.0"


def test_an_image_that_a_manifest_wants_is_packed_or_refused(project, tmp_path):
    (tmp_path / "hello" / "shop.yaml").write_text("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec:\n  template:\n    spec:\n      containers:\n"
                                                  "      - image: quay.io/both/app:1\n      - image: registry.k8s.io/pause:3.10.1\n")
    small_base.add_index(tmp_path / "images", "quay.io/both/app:1", {"amd64": b"amd"})
    lines = ["FROM scratch", *project.lines, "CNI net local://hello"]
    layout = f"oci:{tmp_path / 'images'}"
    contents = project.packed(lines, "--images", layout)
    assert "quay.io/both/app:1" in [image["name"] for image in contents["images"]]
    uses = {use["image"]: use for use in contents["apps"][0]["uses"]}
    assert uses["quay.io/both/app:1"]["object"] == "Deployment/shop" and uses["quay.io/both/app:1"]["foundBy"] == "container"
    assert sorted(uses) == ["quay.io/both/app:1", "registry.k8s.io/pause:3.10.1"]
    (tmp_path / "hello" / "shop.yaml").write_text((tmp_path / "hello" / "shop.yaml").read_text().replace("quay.io/both", "quay.io/nobody"))
    (tmp_path / "out.run").unlink()
    text = project.refused(lines, "--images", layout, code=7)
    assert "quay.io/nobody/app:1" in text and "CNI net: Deployment/shop" in text and "shop.yaml:8" in text
    project.packed([*lines, "IGNORE-IMAGE quay.io/nobody/* comes later"], "--images", layout)
    (tmp_path / "out.run").unlink()
    (tmp_path / "hello" / "shop.yaml").write_text("kind: [x\n")
    assert "shop.yaml:" in project.refused(["FROM scratch", "APP hello local://hello"])


def test_a_product_without_a_pod_network_is_packed_with_a_warning(project):
    done = project.build(["FROM scratch", *project.lines, "APP first local://hello"])
    assert done.returncode == 0 and any(line.startswith("warning: no pod network") and "CNI" in line for line in done.stderr.splitlines())
    done = project.build(["FROM scratch", *project.lines, "CNI first local://hello"])
    assert done.returncode == 0 and "warning" not in done.stderr


@pytest.mark.parametrize("arguments, named", [
    (["build", "--outputt", "x"], "--outputt is not known, did you mean --output?"),
    (["build", "-o", "x.run", "--build-args", "A=1", "."], "--build-args is not known, did you mean --build-arg?"),
    (["build", "-o", "x.run", "--build-arg", "--tagg", "--stubs=x"], "--stubs is not known, did you mean --stub?"),
    (["inspect", "--jsonn", "x.run"], "--jsonn is not known, did you mean --json?"),
    (["--quite-another"], "--quite-another is not known; sealift --help"),
])
def test_an_unknown_option_is_named_with_the_nearest_one_before_anything_else(packer, arguments, named):
    done = subprocess.run([packer, *arguments], capture_output=True, text=True)
    assert done.returncode == 2
    assert named in done.stderr and "required" not in done.stderr


def test_help_lists_what_a_kubefile_may_say(packer):
    text = subprocess.run([packer, "build", "--help"], capture_output=True, text=True, check=True).stdout
    for line in ("FROM    scratch | artifact.run", "COPY    [--follow-links] source [source …] destination", 'LAUNCH  ["name", "name"]'):
        assert line in text
    assert "RUN " not in text


def test_what_sealiftignore_excludes_is_left_out(project, tmp_path):
    (tmp_path / "d").mkdir()
    for name in ("keep.txt", "key.pem", "notes.md", "README.md"):
        (tmp_path / "d" / name).write_text(name)
    (tmp_path / ".sealiftignore").write_text("# keys and notes\n**/*.pem\n**/*.md\n!d/README.md\n")
    done = project.build(["FROM scratch", "COPY d d"], output="kept.run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 files and folders are left out, as .sealiftignore says" in (done.stdout + done.stderr).replace("./", "")
    assert sorted(project.contents("kept.run")["tree"]) == ["d/README.md", "d/keep.txt"]
    assert "d/key.pem is excluded by" in project.refused(["FROM scratch", "COPY d/key.pem key"])
    # one for this Kubefile alone
    (tmp_path / "Kubefile.sealiftignore").write_text("d/keep.txt\n")
    assert "d/key.pem" in project.packed(["FROM scratch", "COPY d d"])["tree"]


def test_pipes_sockets_and_devices_are_refused_in_one_run(project, tmp_path):
    for folder in ("d", "e"):
        (tmp_path / folder).mkdir()
        os.mkfifo(tmp_path / folder / "pipe")
    text = project.refused(["FROM scratch", "COPY d d", "COPY e e", "FILE /dev/null /etc/null"])
    assert "d/pipe is a named pipe" in text and "e/pipe is a named pipe" in text and "/dev/null is a character device" in text
    (tmp_path / ".sealiftignore").write_text("*/pipe\n")
    assert project.packed(["FROM scratch", "COPY d d", "COPY e e"])["tree"] == {}
