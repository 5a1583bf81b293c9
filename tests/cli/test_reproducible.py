# SPDX-License-Identifier: Apache-2.0
"""The same sources give the same bytes, whoever builds them, wherever, and in whatever order they arrive."""
import hashlib
import http.server
import json
import os
import random
import shutil
import subprocess
import threading
import time

import pytest

import small_base

VARIATIONS = 32


class SlowMirror:
    """The images of a layout for a registry's clients; each answer takes its time."""
    def __init__(self, layout):
        index = json.loads((layout / "index.json").read_text())
        self.by_name = {entry["annotations"]["org.opencontainers.image.ref.name"]: entry for entry in index["manifests"]}
        self.blobs = layout / "blobs" / "sha256"
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                time.sleep(random.random() * 0.02)
                found = outer.find(self.path)
                self.send_response(200 if found else 404)
                kind, body = found or ("text/plain", b"")
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            do_HEAD = do_GET

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def find(self, path):
        if path == "/v2/":
            return "application/json", b"{}"
        name, kind, reference = path.removeprefix("/v2/").rsplit("/", 2)
        if reference.startswith("sha256:"):
            blob = self.blobs / reference.removeprefix("sha256:")
            media = "application/octet-stream" if kind == "blobs" else "application/vnd.oci.image.manifest.v1+json"
            return (media, blob.read_bytes()) if blob.exists() else None
        entry = next((entry for full, entry in self.by_name.items() if full.split("/", 1)[1] == f"{name}:{reference}"), None)
        return entry and (entry["mediaType"], (self.blobs / entry["digest"].removeprefix("sha256:")).read_bytes())


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
    mirror = SlowMirror(sources / "images")
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
