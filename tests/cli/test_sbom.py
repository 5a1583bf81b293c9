# SPDX-License-Identifier: Apache-2.0
"""`sealift inspect --sbom`, `--attachments` and `--extract`."""
import hashlib
import json
import os
import subprocess

import pytest

import small_base
import validators

CHART = """apiVersion: v2
name: redis-chart
version: 20.1.3
appVersion: "7.4.1"
annotations: {artifacthub.io/license: Apache-2.0}
"""
SIGNED = b'{"critical":{"identity":{}}}'


def inspect(packer, *arguments, **environment):
    return subprocess.run([packer, "inspect", *map(str, arguments)], capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **environment})


@pytest.fixture(scope="module")
def product(tmp_path_factory, packer, stub):
    """A base with a chart on it whose image is signed: (artifact, digest of the image, the build's folder)."""
    folder = tmp_path_factory.mktemp("sbom")
    lines = small_base.write(folder)
    helm = folder / "bin" / "amd64" / "helm"
    helm.write_text("#!/bin/sh\nprintf '%s\\n' '---' '# Source: redis/templates/p.yaml' 'apiVersion: v1' 'kind: Pod' 'metadata: {name: redis}' "
                    "'spec: {containers: [{name: main, image: quay.io/acme/redis:7}]}'\n")
    (folder / "redis" / "charts" / "common").mkdir(parents=True)
    (folder / "redis" / "Chart.yaml").write_text(CHART)
    (folder / "redis" / "charts" / "common" / "Chart.yaml").write_text("apiVersion: v2\nname: common\nversion: 2.0.0\nannotations: {artifacthub.io/license: Do what you like}\n")
    small_base.add_image(folder / "images", "quay.io/acme/redis:7", b"redis")
    digest = small_base.add_signature(folder / "images", "quay.io/acme/redis:7", SIGNED)
    (folder / "motd").write_text("welcome\n")
    (folder / "Kubefile.base").write_text("\n".join(["FROM scratch", *lines]) + "\n")
    (folder / "Kubefile").write_text("FROM base.run\nFILE motd /etc/motd\nAPP redis local://redis\nLAUNCH [\"redis\"]\n")
    common = ["--stub", stub, "--platform", "linux/amd64"]
    for arguments in (["-f", "Kubefile.base", "-t", "base:1.34", "-o", "base.run"], ["-t", "shop:3.4", "-o", "shop.run", "--images", "oci:images", "--referrers"]):
        done = subprocess.run([packer, "build", *arguments, *common], capture_output=True, text=True, cwd=folder)
        assert done.returncode == 0, done.stderr
    return folder / "shop.run", digest, folder


@pytest.mark.parametrize("form", ["spdx", "cyclonedx"])
def test_a_validator_finds_nothing(packer, product, sample, form, tmp_path):
    for artifact in (product[0], sample):
        done = inspect(packer, "--sbom", form, artifact)
        assert done.returncode == 0 and not done.stderr, done.stderr
        (tmp_path / "sbom.json").write_text(done.stdout)
        assert validators.validate(form, tmp_path / "sbom.json") == ""


@pytest.mark.parametrize("form, damage", [("spdx", lambda document: document["packages"][0].pop("downloadLocation")),
                                          ("cyclonedx", lambda document: document["components"][0].pop("name"))])
def test_the_validators_do_find_what_is_wrong(packer, product, form, damage, tmp_path):
    document = json.loads(inspect(packer, "--sbom", form, product[0]).stdout)
    damage(document)
    (tmp_path / "sbom.json").write_text(json.dumps(document))
    assert validators.validate(form, tmp_path / "sbom.json") != ""


def test_spdx_lists_what_the_artifact_holds(packer, product):
    artifact, digest, _ = product
    document = json.loads(inspect(packer, "--sbom", "spdx", artifact).stdout)
    packages = {package["name"]: package for package in document["packages"]}
    ids = {package["SPDXID"]: package["name"] for package in document["packages"]}
    assert packages["shop"]["versionInfo"] == "3.4"
    image = packages["quay.io/acme/redis"]
    assert image["versionInfo"] == "7" and image["checksums"] == [{"algorithm": "SHA256", "checksumValue": digest.removeprefix("sha256:")}]
    assert image["externalRefs"][0]["referenceLocator"] == f"pkg:oci/redis@{digest}?arch=amd64&repository_url=quay.io/acme/redis&tag=7"
    chart = packages["redis-chart"]
    assert chart["versionInfo"] == "20.1.3" and "appVersion 7.4.1" in chart["comment"] and chart["licenseDeclared"] == "Apache-2.0"
    assert packages["kubernetes"]["versionInfo"] == "v1.34.4"
    assert packages["files/etc/motd"]["checksums"][0]["checksumValue"] == hashlib.sha256(b"welcome\n").hexdigest() and "/etc/motd" in packages["files/etc/motd"]["comment"]
    assert packages["sealift linux/amd64"]["versionInfo"] == subprocess.run([packer, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    for library in ("zstd", "mbedtls", "libssh", "musl"):
        assert packages[library]["versionInfo"][0].isdigit() and packages[library]["licenseDeclared"] not in ("", "NOASSERTION")
    assert "libarchive" not in packages  # the packer's alone
    assert [entry["extractedText"] for entry in document["hasExtractedLicensingInfos"]] == ["Do what you like"]
    relations = {(ids.get(one["spdxElementId"], "document"), one["relationshipType"], ids[one["relatedSpdxElement"]]) for one in document["relationships"]}
    for relation in (("document", "DESCRIBES", "shop"), ("shop", "CONTAINS", "quay.io/acme/redis"), ("shop", "CONTAINS", "redis-chart"), ("redis-chart", "DEPENDS_ON", "quay.io/acme/redis"),
                     ("redis-chart", "CONTAINS", "common"), ("sealift linux/amd64", "STATIC_LINK", "zstd")):
        assert relation in relations, relation
    assert any(kind == "METAFILE_OF" and to == "quay.io/acme/redis" for _, kind, to in relations)
    assert any(kind == "DESCENDANT_OF" and start == "shop" and to.startswith("base-") for start, kind, to in relations)


def test_what_the_programs_say_of_themselves_is_what_the_bill_says(packer, product, stub):
    said = subprocess.run([stub, "--licenses"], capture_output=True, text=True, check=True).stdout
    lines = [line.strip() for line in said.split("\n\n")[0].splitlines()[1:]]
    packages = json.loads(inspect(packer, "--sbom", "spdx", product[0]).stdout)["packages"]
    listed = {f"{package['name']} {package['versionInfo']}, {package['licenseDeclared']}" for package in packages if package["primaryPackagePurpose"] == "LIBRARY"}
    assert listed == {line for line in lines if not line.endswith("(sealift only)")} and len(listed) > 9


def test_equal_artifacts_have_equal_bills_whatever_the_clock(packer, product, tmp_path):
    artifact = product[0]
    (tmp_path / "copy.run").write_bytes(artifact.read_bytes())
    for form in ("spdx", "cyclonedx"):
        first = inspect(packer, "--sbom", form, artifact).stdout
        assert inspect(packer, "--sbom", form, tmp_path / "copy.run", TZ="Asia/Tokyo").stdout == first
        dated = inspect(packer, "--sbom", form, artifact, SOURCE_DATE_EPOCH="1700000000").stdout
        assert "2023-11-14T22:13:20Z" in dated and "2023" not in first
    done = inspect(packer, "--sbom", "spdx", artifact, SOURCE_DATE_EPOCH="yesterday")
    assert done.returncode == 2 and "SOURCE_DATE_EPOCH" in done.stderr


def test_a_name_of_the_local_store_will_do(packer, product, tmp_path):
    environment = {"XDG_DATA_HOME": str(tmp_path)}
    subprocess.run([packer, "load", product[0]], check=True, env={**os.environ, **environment}, capture_output=True)
    done = inspect(packer, "--sbom", "cyclonedx", "shop:3.4", **environment)
    assert done.returncode == 0 and json.loads(done.stdout)["metadata"]["component"]["name"] == "shop", done.stderr


def test_what_came_along_is_listed_and_can_be_taken_out(packer, product, sample, tmp_path):
    artifact = product[0]
    digest = "sha256:" + hashlib.sha256(SIGNED).hexdigest()
    shown = inspect(packer, "--attachments", artifact)
    assert shown.returncode == 0
    assert shown.stdout == f"quay.io/acme/redis:7\n    signature, application/vnd.dev.cosign.simplesigning.v1+json, {len(SIGNED)} B, {digest}\n"
    listed = json.loads(inspect(packer, "--attachments", "--json", artifact).stdout)
    assert [(one["image"], one["kind"], one["digest"], one["size"]) for one in listed] == [("quay.io/acme/redis:7", "signature", digest, len(SIGNED))]
    for name in (digest, digest[7:19]):
        done = inspect(packer, "--extract", name, "-o", tmp_path / "signed", artifact)
        assert done.returncode == 0 and (tmp_path / "signed").read_bytes() == SIGNED, done.stderr
        (tmp_path / "signed").unlink()
    assert "--referrers" in inspect(packer, "--attachments", sample).stdout


@pytest.mark.parametrize("arguments, code, word", [(["--extract", "ffffffffff", "-o", "x"], 13, "none of the artifact's objects"), (["--extract", "ab", "-o", "x"], 2, "at least 6"),
                                                   (["--extract", "0123456789"], 2, "-o"), (["-o", "x"], 2, "--extract"), (["--sbom", "csv"], 2, "--sbom")])
def test_what_cannot_be_told_is_said(packer, product, tmp_path, arguments, code, word):
    done = subprocess.run([packer, "inspect", product[0], *arguments], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == code and word in done.stderr, done.stderr
    assert os.listdir(tmp_path) == []
