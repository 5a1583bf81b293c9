# SPDX-License-Identifier: Apache-2.0
"""Payloads whose parts lie where they must not, over each other, or many times."""
import struct

from hostile_sizes import MIB, numbered, small
from payload_writer import RAW, ZSTD, Payload, frame_entry, index_of, reference, sha256, zstd_runs


def shared(path):
    """Two digests, one place: the second one lies."""
    payload = small()
    payload.objects[sha256(b"other")] = [(0, 0, 5)]
    payload.contents["tree"]["b"] = {"object": reference(sha256(b"other"), 5)}
    payload.write(path)


def overlapping_pieces(path):
    payload = Payload(name="hostile")
    frame = payload.frame(b"abcdefgh")
    for name, first, size in (("a", 0, 6), ("b", 2, 6), ("c", 0, 8)):
        data = b"abcdefgh"[first:first + size]
        payload.objects[sha256(data)] = [(frame, first, size)]
        payload.contents["tree"][name] = {"object": reference(sha256(data), size)}
    payload.write(path)


def _pieces(*pieces):
    payload = small()
    payload.objects[sha256(b"hello")] = list(pieces)
    return payload


def a_piece_beyond_the_frames(path):
    _pieces((0, 0, 5), (0, 3, 3)).write(path)


def a_piece_of_the_metadata(path):
    _pieces((0, 0, 600)).write(path)


def a_piece_that_wraps_around(path):
    _pieces((0, 3, (1 << 64) - 3)).write(path)


def pieces_whose_sum_wraps_around(path):
    _pieces((0, 0, 1 << 63), (0, 0, 1 << 63), (0, 0, 5)).write(path)


def a_piece_of_a_frame_far_away(path):
    _pieces((0xFFFFFFFF, 0, 5)).write(path)


def a_first_piece_far_away(path):
    payload = small()
    payload.index = index_of([sha256(b"hello") + struct.pack("<QII", 5, 0xFFFFFFFF, 2)], [struct.pack("<IIQ", 0, 0, 5)], [frame_entry(*payload.frames[0])])
    payload.write(path)


def an_object_twice(path):
    payload = small()
    payload.frame(b"other")
    entry = sha256(b"hello") + struct.pack("<QI", 5, 0)
    payload.index = index_of([entry + struct.pack("<I", 1), sha256(b"hello") + struct.pack("<QII", 5, 1, 1)],
                             [struct.pack("<IIQ", 0, 0, 5), struct.pack("<IIQ", 1, 0, 5)], [frame_entry(*frame) for frame in payload.frames])
    payload.write(path)


def _frame_at(path, offset, size=5):
    payload = small()
    payload.frames[0][1:4] = [offset, size, size]
    payload.objects[sha256(b"hello")] = [(0, 0, size)]
    payload.contents["tree"]["a"] = {"object": reference(sha256(b"hello"), size)}
    payload.write(path)


def a_frame_in_the_header(path):
    _frame_at(path, 32)


def a_frame_over_the_metadata(path):
    _frame_at(path, 66)


def a_frame_over_the_trailer(path):
    _frame_at(path, 64, 4096)


def a_frame_before_the_payload(path):
    _frame_at(path, (1 << 64) - 4096)


def frames_over_each_other(path):
    payload = small()
    payload.frames.append([sha256(b"lo"), 67, 2, 2, RAW])
    payload.write(path)


def a_section_over_a_frame(path):
    payload = small()
    payload.sections = [(100, 0, RAW, 64, b"hello")]
    payload.write(path)


def a_chain_of_sections_over_each_other(path):
    payload = small()
    payload.sections = [(100 + i, 0, RAW, 64, b"hello") for i in range(60)]
    payload.write(path)


def a_byte_of_each_of_two_frames_in_turn(path):
    payload = Payload(name="hostile")
    large = zstd_runs((b"\0", 8 * MIB))
    frames = [payload.frame(large, 8 * MIB, ZSTD) for _ in range(2)]
    payload.objects[numbered(1)] = [(frames[i % 2], 0, 1) for i in range(500_000)]
    payload.contents["tree"]["a"] = {"object": reference(numbered(1), 500_000)}
    payload.write(path)


def repeated(times):
    """One frame of 8 MiB, so many times in one file."""
    payload = Payload(name="hostile")
    frame = payload.frame(zstd_runs((b"\0", 8 * MIB)), 8 * MIB, ZSTD)
    payload.objects[numbered(1)] = [(frame, 0, 8 * MIB)] * times
    payload.contents["tree"]["a"] = {"object": reference(numbered(1), 8 * MIB * times)}
    return payload


def one_frame_again_and_again(path):
    """An object of 4 TB in a file of 8 MB."""
    repeated(500_000).write(path)


def a_file_for_each_digest_of_one_frame(path):
    """50,000 files of 8 MiB each, 400 GB, in a file of 10 MB."""
    payload = Payload(name="hostile")
    frame = payload.frame(zstd_runs((b"\0", 8 * MIB)), 8 * MIB, ZSTD)
    for i in range(50_000):
        payload.objects[numbered(i)] = [(frame, 0, 8 * MIB)]
        payload.contents["tree"][f"{i:06}"] = {"object": reference(numbered(i), 8 * MIB)}
    payload.write(path)
