# SPDX-License-Identifier: Apache-2.0
"""Payloads that are too much of something, or lie about how much: their names are those of the table in
test_hostile_payloads.py. Each takes the path to write."""
import struct

from payload_writer import CONTENTS, INDEX, RAW, ZSTD, Payload, frame_entry, index_of, reference, sha256, zstd_runs

MIB = 1 << 20


def small(**contents):
    stub = {"architecture": "amd64", "object": reference(sha256(b"hello"), 5)}
    return Payload(name="hostile", version="1", **{"stubs": [stub], **contents}).file("a", b"hello")


def numbered(number):
    return number.to_bytes(32, "big")


def with_document(document):
    payload = small()
    payload.document = document if isinstance(document, bytes) else document.encode()
    return payload


def objects(count):
    payload = small()
    frame = frame_entry(sha256(b"hello"), 64, 5, 5, RAW)
    payload.contents.update(tree={}, stubs=[])
    payload.index = index_of([numbered(i) + struct.pack("<QII", 1, i, 1) for i in range(count)], [struct.pack("<IIQ", 0, 0, 1)] * count, [frame])
    return payload


def a_million_objects(path):
    objects(1_000_000).write(path)


def as_many_objects_as_fit(path):
    objects(390_000).write(path)


def an_index_decoded_to_a_gigabyte(path):
    payload = small()
    payload.stored[INDEX] = (zstd_runs((b"\0", 1 << 30)), ZSTD, 1 << 30)
    payload.write(path)


def an_index_larger_than_declared(path):
    payload = small()
    payload.stored[INDEX] = (zstd_runs((b"\0", 64 * MIB)), ZSTD, 200)
    payload.write(path)


def an_index_that_claims_less_than_it_gives(path):
    payload = small()
    payload.stored[INDEX] = (zstd_runs((b"\0", 64 * MIB), claimed=200), ZSTD, 200)
    payload.write(path)


def an_index_of_zeros(path):
    payload = small()
    payload.stored[INDEX] = (zstd_runs((b"\0", 20 * MIB)), ZSTD, 20 * MIB)
    payload.write(path)


def contents_decoded_to_a_terabyte(path):
    payload = small()
    payload.stored[CONTENTS] = (zstd_runs((b" ", MIB), claimed=1 << 40), ZSTD, 1 << 40)
    payload.write(path)


def contents_larger_than_declared(path):
    payload = small()
    payload.stored[CONTENTS] = (zstd_runs((b" ", 64 * MIB)), ZSTD, 300)
    payload.write(path)


def contents_of_blanks(path):
    payload = small()
    payload.stored[CONTENTS] = (zstd_runs((b" ", 16 * MIB)), ZSTD, 16 * MIB)
    payload.write(path)


def contents_one_byte_too_large(path):
    payload = small()
    payload.stored[CONTENTS] = (zstd_runs((b" ", 16 * MIB + 1)), ZSTD, 16 * MIB + 1)
    payload.write(path)


def contents_of_one_text(path):
    payload = small()
    length = 16 * MIB - 11
    payload.stored[CONTENTS] = (zstd_runs((b'{"name":"', 1), (b"a", length), (b'"}', 1)), ZSTD, 16 * MIB)
    payload.write(path)


def a_million_files(path):
    tree = b",".join(b'"%06d":{"object":%s}' % (i, REFERENCE) for i in range(1_000_000))
    with_document(b'{"tree":{' + tree + b"}}").write(path)


REFERENCE = b'{"digest":"sha256:%s","size":5}' % sha256(b"hello").hex().encode()


def many_files(path):
    tree = b",".join(b'"%06d":{"object":%s}' % (i, REFERENCE) for i in range(80_000))
    with_document(b'{"tree":{' + tree + b"}}").write(path)


def a_million_images(path):
    images = b",".join(b'{"name":"%06d","root":%s}' % (i, REFERENCE) for i in range(1_000_000))
    with_document(b'{"images":[' + images + b"]}").write(path)


def many_images(path):
    images = b",".join(b'{"name":"%06d","root":%s}' % (i, REFERENCE) for i in range(90_000))
    with_document(b'{"images":[' + images + b"]}").write(path)


def a_million_labels(path):
    with_document(b'{"labels":{' + b",".join(b'"%06d":""' % i for i in range(1_000_000)) + b"}}").write(path)


def many_labels(path):
    with_document(b'{"labels":{' + b",".join(b'"%06d":""' % i for i in range(390_000)) + b"}}").write(path)


def a_million_names_to_launch(path):
    with_document(b'{"launch":[' + b",".join([b'"a"'] * 1_000_000) + b"]}").write(path)


def many_bases(path):
    with_document(b'{"bases":[' + b",".join([b'"sha256:%064d"' % 7] * 200_000) + b"]}").write(path)


def a_million_uses(path):
    app = b'{"kind":"helm","name":"a","root":"r","uses":[' + b",".join([b'{"image":"a"}'] * 1_000_000) + b"]}"
    with_document(b'{"apps":[' + app + b"]}").write(path)


def many_apps(path):
    """Each needs the one before it."""
    apps = [b'{"kind":"helm","name":"a%06d","needs":["a%06d"],"root":"r"}' % (i, max(i - 1, 0)) for i in range(80_000)]
    tree = b'"r/a":{"object":%s}' % REFERENCE
    with_document(b'{"apps":[' + b",".join(apps) + b'],"launch":[' + b",".join(b'"a%06d"' % i for i in range(79_000, 80_000)) + b'],"tree":{' + tree + b"}}").write(path)


def empty_lists_at_once(path):
    with_document(b'{"x":[' + b",".join([b"[]"] * 5_000_000) + b"]}").write(path)


def empty_objects_in_an_entry(path):
    with_document(b'{"x":[[' + b",".join([b"{}"] * 5_000_000) + b"]]}").write(path)


def empty_texts_in_a_member_nobody_knows(path):
    with_document(b'{"x":{"y":[' + b",".join([b'""'] * 5_000_000) + b"]}}").write(path)


def members_of_the_document(path):
    with_document(b"{" + b",".join(b'"%06d":{}' % i for i in range(1_000_000)) + b"}").write(path)


def deep_nesting(path):
    with_document(b'{"x":' + b"[" * 8_000_000 + b"]" * 8_000_000 + b"}").write(path)


def a_number_without_end(path):
    with_document('{"tree":{"a":{"object":{"digest":"sha256:' + sha256(b"hello").hex() + '","size":1e999999}}}}').write(path)


def a_number_of_a_million_digits(path):
    with_document('{"tree":{"a":{"object":{"digest":"sha256:' + sha256(b"hello").hex() + '","size":' + "9" * 1_000_000 + "}}}}").write(path)


def a_size_that_is_negative(path):
    with_document('{"tree":{"a":{"object":{"digest":"sha256:' + sha256(b"hello").hex() + '","size":-5}}}}').write(path)


def a_path_twice(path):
    with_document(b'{"tree":{"a":{"object":' + REFERENCE + b'},"a":{"mode":511,"object":' + REFERENCE + b"}}}").write(path)


def a_path_twice_with_another_between(path):
    with_document(b'{"tree":{"a":{"object":' + REFERENCE + b'},"b":{"object":' + REFERENCE + b'},"\\u0061":{"object":' + REFERENCE + b"}}}").write(path)


def sections(count):
    payload = small()
    payload.sections = [(100 + i, 0, RAW, None, b"") for i in range(count)]
    return payload


def sixty_four_sections(path):
    sections(62).write(path)


def sixty_five_sections(path):
    sections(63).write(path)


def a_frame_of_four_gigabytes(path):
    payload = small()
    payload.frames[0][3:] = [0xFFFFFFFF, ZSTD]
    payload.write(path)


def a_frame_that_gives_more(path):
    payload = Payload(name="hostile")
    frame = payload.frame(zstd_runs((b"\0", 512 * MIB), claimed=100), 100, ZSTD)
    payload.objects[sha256(b"x")] = [(frame, 0, 100)]
    payload.contents["tree"]["a"] = {"object": reference(sha256(b"x"), 100)}
    payload.write(path)


def a_frame_for_each_byte(path):
    payload = Payload(name="hostile")
    data = bytes(i % 251 for i in range(200_000))
    payload.data += data
    hashes = [sha256(bytes([i])) for i in range(251)]
    payload.frames = [[hashes[data[i]], 64 + i, 1, 1, RAW] for i in range(len(data))]
    payload.objects[sha256(data)] = [(0, 0, len(data))]
    payload.contents["tree"]["a"] = {"object": reference(sha256(data), len(data))}
    payload.write(path)


def every_frame_damaged(path):
    payload = Payload(name="hostile")
    payload.data += bytes(200_000)
    payload.frames = [[sha256(b"no"), 64 + i, 1, 1, RAW] for i in range(200_000)]
    payload.objects[sha256(b"x")] = [(0, 0, 200_000)]
    payload.contents["tree"]["a"] = {"object": reference(sha256(b"x"), 200_000)}
    payload.write(path)


def every_frame_damaged_of_many_objects(path):
    payload = Payload(name="hostile")
    payload.data += bytes(100_000)
    frames = [frame_entry(sha256(b"no"), 64 + i, 1, 1, RAW) for i in range(100_000)]
    payload.index = index_of([numbered(i) + struct.pack("<QII", 1, i, 1) for i in range(200_000)],
                             [struct.pack("<IIQ", i % 100_000, 0, 1) for i in range(200_000)], frames)
    payload.write(path)
