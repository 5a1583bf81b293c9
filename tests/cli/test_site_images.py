# SPDX-License-Identifier: Apache-2.0
"""Images that only a site's own values ask for are found before a host is contacted."""
import os
import subprocess

import pytest

import small_base

# Renders "image: acme/erp:TAG" with the last tag in its files of values.
HELM = r"""#!/bin/sh
[ "$1" = template ] || exit 1
while [ $# -gt 0 ]; do [ "$1" = --values ] && file="$file $2"; shift; done
tag=$(sed -n 's/^tag: *"*\([^"]*\)"*$/\1/p' $file | tail -n 1)
[ "$tag" = broken ] && { echo 'Error: execution error at (erp/templates/p.yaml:3:1): tag must not be broken' >&2; exit 1; }
printf '%s\n' '---' '# Source: erp/templates/p.yaml' 'apiVersion: v1' 'kind: Pod' 'metadata: {name: erp}' "spec: {containers: [{name: main, image: 'acme/erp:$tag'}]}"
"""

CLUSTER = """apiVersion: sealift.dev/v1
kind: Cluster
metadata: {{name: plant7}}
spec:
  ssh: {{user: ops, keyPath: {key}}}
  hosts:
  - {{address: 127.0.0.1, role: control-plane, hostKey: "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}
---
apiVersion: sealift.dev/v1
kind: Application
metadata: {{name: erp}}
spec: {spec}
"""


@pytest.fixture
def plan(tmp_path, packer, stub):
    """Packs erp with acme/erp:1 and runs `plan --offline` with an Application's spec."""
    lines = ["FROM scratch", *small_base.write(tmp_path), "CNI erp local://erp", "VALUES erp one.yaml", 'LAUNCH ["erp"]']
    helm = tmp_path / "bin" / "amd64" / "helm"
    helm.write_text(HELM)
    (tmp_path / "erp").mkdir()
    (tmp_path / "erp" / "Chart.yaml").write_text("apiVersion: v2\nname: erp\nversion: 1.0.0\n")
    (tmp_path / "one.yaml").write_text("tag: 1\n")
    small_base.add_image(tmp_path / "images", "docker.io/acme/erp:1", b"erp")
    (tmp_path / "Kubefile").write_text("\n".join(lines) + "\n")
    subprocess.run([packer, "build", "-o", "erp.run", "--platform", "linux/amd64", "--stub", stub, "--images", "oci:images"], check=True, cwd=tmp_path)
    (tmp_path / "key").write_text("no key")
    (tmp_path / "key").chmod(0o600)
    (tmp_path / "tmp").mkdir()

    def call(spec):
        (tmp_path / "cluster.yaml").write_text(CLUSTER.format(key=tmp_path / "key", spec=spec))
        before = set(os.listdir("/dev/shm"))
        done = subprocess.run([tmp_path / "erp.run", "plan", "--offline", "--config", "cluster.yaml"], capture_output=True, text=True, cwd=tmp_path,
                              env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "TMPDIR": str(tmp_path / "tmp")}, timeout=60)
        left = [name for name in set(os.listdir("/dev/shm")) - before if name.startswith("sealift-")]
        assert left + os.listdir(tmp_path / "tmp") == []
        return done
    return call


def test_what_is_packed_is_no_finding(plan):
    done = plan("{values: {tag: 1}}")
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_image_that_is_not_packed_ends_the_run_with_its_origin(plan):
    done = plan("{values: {tag: 2}}")
    assert done.returncode == 12, done.stdout + done.stderr
    for word in ("docker.io/acme/erp:2", "application erp", "Pod/erp", "erp/templates/p.yaml", ".tag in spec.values of cluster.yaml"):
        assert word in done.stdout, word


def test_what_nothing_pulls_may_be_named(plan):
    assert plan('{values: {tag: 2}, ignoreImages: ["acme/erp:2"]}').returncode == 0


def test_values_that_break_the_chart_end_the_run(plan):
    done = plan("{values: {tag: broken}}")
    assert done.returncode == 12, done.stdout + done.stderr
    assert "can't be rendered with this site's values" in done.stdout and "tag must not be broken" in done.stdout
