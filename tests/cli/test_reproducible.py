# SPDX-License-Identifier: Apache-2.0
"""The same sources give the same bytes, whoever builds them, wherever, and in whatever order they arrive."""
import hashlib
import os
import random
import shutil
import subprocess
import time

import pytest

import small_base
from image_server import ImageServer

VARIATIONS = 32


class SlowServer(ImageServer):
    """Each answer takes its time."""
    def _answer(self, request):
        time.sleep(random.random() * 0.02)
        return super()._answer(request)


@pytest.fixture
def sources(tmp_path):
    folder = tmp_path / "sources"
    folder.mkdir()
    lines = [line.replace("--from=oci:images ", "") for line in small_base.write(folder)]
    source = random.Random(7)
    (folder / "files").mkdir()
    for number in range(60):
        path = folder / "files" / f"{number % 7}" / f"{number}.dat"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(source.randbytes(source.randrange(40_000)) if number % 2 else b"text " * source.randrange(9000))
    for name in ("net", "shop", "chart/templates"):
        (folder / name).mkdir(parents=True)
    for name in ("net", "shop"):
        kind = "DaemonSet" if name == "net" else "Deployment"
        (folder / name / "all.yaml").write_text(f"apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {{template: {{spec: {{containers: [{{name: c, image: 'acme/{name}:1'}}]}}}}}}\n")
        small_base.add_image(folder / "images", f"docker.io/acme/{name}:1", source.randbytes(200_000))
    (folder / "chart" / "Chart.yaml").write_text("apiVersion: v2\nname: chart\nversion: 1.0.0\n")
    (folder / "Kubefile").write_text("\n".join(["FROM scratch", *lines, "LABEL b=2 a=1", "ENV Z=1 A=2", "COPY files/ files/", "CNI net local://net",
                                                "APP shop local://shop NEEDS net", "APP chart local://chart", "FILE files/0/0.dat /etc/acme/zero", 'LAUNCH ["shop"]']) + "\n")
    return folder


def copy_in_another_order(sources, target, chance):
    """Other inodes, times and directory orders; the same contents and modes."""
    files = [path for path in sources.rglob("*") if path.is_file() and "images" not in path.relative_to(sources).parts]
    chance.shuffle(files)
    for path in files:
        to = target / path.relative_to(sources)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, to)
        at = chance.randrange(1, 2_000_000_000)
        os.utime(to, (at, at))
        to.chmod(0o755 if os.access(path, os.X_OK) else 0o644)


def test_one_digest_under_32_variations(sources, tmp_path, packer, stub):
    mirror = SlowServer(sources / "images")
    chance = random.Random(2026)
    zones, locales = ("UTC", "Asia/Shanghai", "America/St_Johns"), ("C", "C.UTF-8", "de_DE.UTF-8", "tr_TR.UTF-8")
    digests = {}
    for number in range(VARIATIONS):
        place = tmp_path / ("v" * chance.randrange(1, 60)) / str(number)
        place.mkdir(parents=True)
        context = place / chance.choice(("context", "ein Ordner", "ж"))
        copy_in_another_order(sources, context, chance)
        temporary = place / "tmp"
        temporary.mkdir()
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(place), "TMPDIR": str(temporary), "TZ": chance.choice(zones), "LC_ALL": chance.choice(locales), "LANG": "C"}
        processors = chance.choice(("0", "0,1")) if os.cpu_count() > 1 else "0"
        command = ["taskset", "-c", processors, packer, "build", "-f", "Kubefile", "-t", "shop:1.0", "-o", str(place / "out.run"), "--platform", "linux/amd64", "--stub", stub,
                   "--mirror", f"docker.io={mirror.url}", "--mirror", f"registry.k8s.io={mirror.url}", "."]
        if number % 4 == 3:  # as somebody else, who has no rights beyond this folder
            command = ["unshare", "--user", "--map-user=1234", *command]
        done = subprocess.run(command, capture_output=True, text=True, cwd=context, env=environment, umask=chance.choice((0o022, 0o077, 0o002, 0)), timeout=120)
        assert done.returncode == 0, done.stderr
        with open(place / "out.run", "rb") as file:
            digests.setdefault(hashlib.file_digest(file, "sha256").hexdigest(), []).append((number, environment, processors))
        shutil.rmtree(place)
    assert len(digests) == 1, digests
