# SPDX-License-Identifier: Apache-2.0
"""`sealift run-test`: whether a finished artifact can be delivered. tests/unit/packer/selftest has those that a build would
refuse to make."""
import os
import subprocess

import pytest

import small_base

HELM = """#!/bin/sh
case "$*" in *password=*) ;; *) [ ! -f "$3/asks" ] || { echo 'Error: a password is required' >&2; exit 1; } ;; esac
printf '%s\\n' '---' '# Source: erp/templates/p.yaml' 'apiVersion: v1' 'kind: Pod' 'metadata: {name: erp}' "spec: {containers: [{name: main, image: 'acme/erp:1'}]}"
"""


@pytest.fixture
def build(tmp_path, packer, stub):
    """A base with one chart; returns the artifact."""
    def make(*lines, asks=False):
        base = small_base.write(tmp_path)
        (tmp_path / "bin" / "amd64" / "helm").write_text(HELM)
        (tmp_path / "erp").mkdir()
        (tmp_path / "erp" / "Chart.yaml").write_text("apiVersion: v2\nname: erp\nversion: 1.0.0\n")
        if asks:
            (tmp_path / "erp" / "asks").write_text("")
        (tmp_path / "small.yaml").write_text("a: b\n")
        small_base.add_image(tmp_path / "images", "docker.io/acme/erp:1", b"erp")
        (tmp_path / "Kubefile").write_text("\n".join(["FROM scratch", *base, *lines]) + "\n")
        done = subprocess.run([packer, "build", "-t", "erp:3.4", "-o", "erp.run", "--platform", "linux/amd64", "--stub", stub, "--images", "oci:images"], capture_output=True, text=True,
                              cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return tmp_path / "erp.run"
    return make


@pytest.fixture
def run_test(packer, tmp_path):
    def call(*arguments):
        (tmp_path / "tmp").mkdir(exist_ok=True)
        done = subprocess.run([packer, "run-test", *map(str, arguments)], capture_output=True, text=True, timeout=120,
                              env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "TMPDIR": str(tmp_path / "tmp"), "XDG_DATA_HOME": str(tmp_path / "data")})
        assert os.listdir(tmp_path / "tmp") == []
        return done
    return call


def test_a_good_artifact_can_be_delivered(build, run_test):
    done = run_test(build("CNI erp local://erp", "VALUES erp small.yaml", 'LAUNCH ["erp"]'))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1] == "erp 3.4: this artifact can be delivered"
    assert all(line.startswith("good   ") for line in lines[:-1]) and len(lines) == 9, done.stdout
    for word in ("every byte", "linux/amd64", "1 chart with 1 set of values", "launch: erp", "kubernetes v1.34.4"):
        assert word in done.stdout, word
    assert "kubeadm v1.34.4 will ask for 7 images: all are packed" in done.stderr


def test_by_its_name_in_the_local_store(build, run_test, packer, tmp_path):
    artifact = build("CNI erp local://erp")
    subprocess.run([packer, "load", artifact], check=True, capture_output=True, env={**os.environ, "XDG_DATA_HOME": str(tmp_path / "data")})
    artifact.unlink()
    assert run_test("erp:3.4").returncode == 0


def test_a_damaged_artifact_is_told_with_the_place(build, run_test):
    artifact = build("CNI erp local://erp")
    content = bytearray(artifact.read_bytes())
    content[(16 << 20) + 5000] ^= 1
    artifact.write_bytes(content)
    done = run_test(artifact)
    assert done.returncode == 5, done.stdout + done.stderr
    assert done.stdout.startswith("WRONG  every byte") and done.stdout.count("\n") == 1
    assert "is damaged at offset" in done.stderr and "copy the file again" in done.stderr


def test_a_truncated_artifact_and_another_file_are_none(build, run_test, tmp_path):
    artifact = build("CNI erp local://erp")
    (tmp_path / "half.run").write_bytes(artifact.read_bytes()[:-5000])
    assert run_test(tmp_path / "half.run").returncode == 5
    assert run_test(tmp_path / "Kubefile").returncode == 5
    assert run_test(tmp_path / "none").returncode == 7


def test_what_the_kubefile_set_is_given_again(build, run_test):
    artifact = build("CNI --set password=x erp local://erp", asks=True)
    done = run_test(artifact)
    assert done.returncode == 3 and "a password is required" in done.stderr, done.stderr
    assert "WRONG  applications" in done.stdout and "can be delivered" not in done.stdout
    assert run_test(artifact, "--set", "erp:password=x").returncode == 0
    assert run_test(artifact, "--set", "shop:password=x").returncode == 13


def test_without_a_base_tools_and_version_are_given(run_test, packer, stub, tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "Chart.yaml").write_text("apiVersion: v2\nname: shop\nversion: 1.0.0\n")
    (tmp_path / "Kubefile").write_text("FROM scratch\nAPP shop local://shop\n")
    tools = small_base.empty_helm(tmp_path)
    subprocess.run([packer, "build", "-t", "shop:1", "-o", "shop.run", "--platform", "linux/amd64", "--stub", stub, *tools], check=True, capture_output=True, cwd=tmp_path)
    done = run_test(tmp_path / "shop.run")
    assert done.returncode == 3 and "--kubernetes-version" in done.stderr, done.stderr
    done = run_test(tmp_path / "shop.run", "--tools", tmp_path / "tools", "--kubernetes-version", "v1.34.4")
    assert done.returncode == 0, done.stderr
