# SPDX-License-Identifier: Apache-2.0
"""Images and charts that are weapons against `sealift build`, and packed ones against `sealift inspect` and `push`. A folder
gets a Kubefile; a payload its bytes."""
import gzip
import hashlib
import json
import struct
import zlib

from hostile_places import repeated
from hostile_sizes import MIB
from payload_writer import Payload, zstd_runs
from programs import small_base

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


def header(name, size, kind=b"0", link=b""):
    """A tar header (POSIX ustar); sizes beyond 8 GiB in base 256."""
    octal = b"%011o\0" % size if size < 1 << 33 else b"\x80" + size.to_bytes(11, "big")
    block = bytearray(name.encode().ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + octal + b"00000000000\0" + b" " * 8 + kind + link.ljust(100, b"\0") +
                      b"ustar\00000" + b"\0" * 247)
    block = block[:512]
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def _layout(folder, media_type, layer, manifest=None):
    """A Kubefile that packs one image with this layer."""
    images = folder / "images"
    small_base.make_layout(images)
    config = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": ["sha256:" + "0" * 64]}}
    described = [{"mediaType": media_type, **small_base._put(images, layer)}]
    document = manifest or json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "layers": described,
                                       "config": {"mediaType": CONFIG, **small_base._put(images, json.dumps(config).encode())}}).encode()
    small_base._name(images, {"mediaType": MANIFEST, **small_base._put(images, document)}, "docker.io/acme/evil:1")
    (folder / "Kubefile").write_text("FROM scratch\nIMAGE --from=oci:images docker.io/acme/evil:1\n")


def a_zstd_layer_of_a_terabyte(folder):
    block = zstd_runs((b"\0", 1 << 36))  # 2 MiB
    _layout(folder, LAYER + "+zstd", zstd_runs((header("a", 1 << 42), 1)) + block * 16)


def a_gzip_layer_of_many_gigabytes(folder):
    member = gzip.compress(bytes(64 * MIB), mtime=0)
    _layout(folder, LAYER + "+gzip", gzip.compress(header("a", 1 << 42), mtime=0) + member * 1600)


def a_gzip_layer_without_end(folder):
    stream = zlib.compressobj(9, zlib.DEFLATED, 31)
    _layout(folder, LAYER + "+gzip", stream.compress(header("a", 1 << 30) + bytes(MIB)) + stream.flush(zlib.Z_FULL_FLUSH))


def a_gzip_layer_of_empty_members(folder):
    _layout(folder, LAYER + "+gzip", gzip.compress(b"", mtime=0) * 500_000)


def a_layer_that_is_no_tar(folder):
    _layout(folder, LAYER, bytes(range(1, 256)) * 4096)


def a_layer_of_a_huge_file(folder):
    _layout(folder, LAYER, header("a", 1 << 62) + bytes(4096))


def layers_whose_sizes_wrap_around(folder):
    _layout(folder, LAYER, b"".join(header(name, (1 << 63) - 512) for name in "abc") + bytes(1024))


def a_layer_of_a_sparse_file(folder):
    """GNU's old form: one run of 512 bytes at the end of 2^60."""
    block = bytearray(header("a", 512, b"S"))
    block[386:410] = b"\x80" + ((1 << 60) - 512).to_bytes(11, "big") + b"00000001000\0"
    block[257:265] = b"ustar  \0"
    block[483:495] = b"\x80" + (1 << 60).to_bytes(11, "big")
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    _layout(folder, LAYER, bytes(block) + b"x" * 512 + bytes(1024))


def a_layer_with_a_gigabyte_of_pax_header(folder):
    _layout(folder, LAYER + "+zstd", zstd_runs((header("x", 1 << 30, b"x"), 1)) + zstd_runs((b"1", 1 << 30)))


def a_layer_with_a_gigabyte_of_name(folder):
    _layout(folder, LAYER + "+zstd", zstd_runs((header("././@LongLink", 1 << 30, b"L"), 1)) + zstd_runs((b"a", 1 << 30)))


def a_layer_of_many_entries(folder):
    entry = header("a/" + "b" * 90, 0)
    _layout(folder, LAYER + "+gzip", gzip.compress(entry * 200_000, 1, mtime=0))


def a_layer_of_paths_to_the_parent(folder):
    _layout(folder, LAYER, header("../../../etc/cron.d/x", 0) + header("/etc/x", 0) + header("a", 0, b"2", b"../../../../etc") + header(".wh..wh..opq", 0) + bytes(1024))


def a_manifest_of_empty_lists(folder):
    _layout(folder, LAYER, bytes(1024), b'{"schemaVersion":2,"x":[' + b",".join([b"[]"] * 1_350_000) + b"]}")


def a_manifest_nested_deep(folder):
    _layout(folder, LAYER, bytes(1024), b'{"x":' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}")


def a_manifest_whose_layer_is_itself(folder):
    """By a digest that is not its own."""
    document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": {"mediaType": CONFIG, "digest": "sha256:" + "0" * 64, "size": 2},
                "layers": [{"mediaType": MANIFEST, "digest": "sha256:" + "0" * 64, "size": 2}]}
    _layout(folder, LAYER, bytes(1024), json.dumps(document).encode())


def _chart(folder, archive):
    (folder / "web.tgz").write_bytes(archive)
    small_base.make_layout(folder / "images")
    (folder / "Kubefile").write_text("\n".join(["FROM scratch", "REQUIRES kubernetes >=1.34", "APP web local://web.tgz"]) + "\n")


CHART = b"apiVersion: v2\nname: web\nversion: 1.0.0\n"


def _chart_files(*files):
    return b"".join(header(name, len(data), kind, link) + data + bytes(-len(data) % 512) for name, data, kind, link in [("web/Chart.yaml", CHART, b"0", b""), *files]) + bytes(1024)


def a_chart_of_gigabytes(folder):
    member = gzip.compress(bytes(64 * MIB), mtime=0)
    _chart(folder, gzip.compress(_chart_files()[:1024] + header("web/templates/a.yaml", 1 << 33), mtime=0) + member * 128)


def a_chart_with_a_link_out(folder):
    _chart(folder, gzip.compress(_chart_files(("web/templates", b"", b"2", b"/etc"), ("web/templates/shadow", b"x", b"0", b"")), mtime=0))


def a_chart_with_a_path_out(folder):
    _chart(folder, gzip.compress(_chart_files(("web/../../../etc/cron.d/x", b"x", b"0", b"")), mtime=0))


def a_chart_with_many_files(folder):
    _chart(folder, gzip.compress(_chart_files(*[(f"web/templates/{i}", b"", b"0", b"") for i in range(100_000)]), 1, mtime=0))


def a_chart_folder_with_a_link_out(folder):
    (folder / "web").mkdir()
    (folder / "web" / "Chart.yaml").write_bytes(CHART)
    (folder / "web" / "templates").symlink_to("/etc")
    (folder / "Kubefile").write_text("FROM scratch\nREQUIRES kubernetes >=1.34\nAPP web local://web\n")


# --- packed

def _packed(path, *documents, name=None):
    """A payload with an image for each of these manifests."""
    payload = Payload(name="hostile", version="1", images=[])
    config = payload.add(b'{"architecture":"amd64","os":"linux"}')
    layer = payload.add(b"x" * 1024)
    for number, document in enumerate(documents):
        root = payload.add(document)
        payload.contents["images"].append({"name": name or f"docker.io/acme/evil:{number}", "root": root, "mediaType": MANIFEST,
                                           "platforms": [{"architecture": "amd64", "manifest": root, "mediaType": MANIFEST, "config": config, "layers": [layer]}]})
    payload.write(path)


def _manifest(subject=None):
    empty = {"mediaType": CONFIG, "digest": "sha256:" + hashlib.sha256(b"{}").hexdigest(), "size": 2}
    return json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": empty, "layers": [], **({"subject": {"mediaType": MANIFEST, "digest": subject, "size": 2}} if subject else {})}).encode()


def attachments_that_refer_to_each_other(path):
    """By names, as cosign has them: the digests of each other would be needed otherwise."""
    one, two = _manifest(), _manifest("sha256:" + "1" * 64)
    digests = [hashlib.sha256(document).hexdigest() for document in (one, two)]
    payload = Payload(name="hostile", version="1", images=[])
    for document, other in zip((one, two), reversed(digests)):
        root = payload.add(document)
        payload.contents["images"].append({"name": f"docker.io/acme/evil:sha256-{other}.sig", "root": root, "mediaType": MANIFEST})
    payload.write(path)


def a_packed_manifest_of_empty_lists(path):
    _packed(path, b'{"schemaVersion":2,"x":[' + b",".join([b"[]"] * 1_350_000) + b"]}")


def a_packed_manifest_of_terabytes(path):
    payload = repeated(500_000)
    root = payload.contents["tree"]["a"]["object"]
    payload.contents["images"] = [{"name": "docker.io/acme/evil:1", "root": root, "mediaType": MANIFEST}]
    payload.write(path)


def a_packed_manifest_that_is_no_json(path):
    _packed(path, b"\0" * 4096)
