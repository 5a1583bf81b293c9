# SPDX-License-Identifier: Apache-2.0
"""The positions of a payload's parts, read from the file according to payload/FORMAT.md alone (sections 2 to 7): an
independent implementation for tests that damage a certain place."""
import dataclasses
import struct

PAYLOAD = 16 << 20
HEADER = 64
TRAILER = 128


@dataclasses.dataclass
class Frame:
    offset: int  # in the payload
    size: int    # stored
    objects: list  # digests of the objects that have bytes in it, ascending


@dataclasses.dataclass
class Layout:
    size: int  # of the payload
    metadata: range
    frames: list

    def padding(self):
        """The ranges between header, frames and metadata."""
        end = HEADER
        for frame in self.frames:
            if frame.offset > end:
                yield range(end, frame.offset)
            end = frame.offset + frame.size
        if self.metadata.start > end:
            yield range(end, self.metadata.start)


def read(path):
    with open(path, "rb") as file:
        file.seek(-TRAILER, 2)
        trailer = file.read(TRAILER)
        size, metadata_offset, metadata_size = struct.unpack_from("<QQQ", trailer)
        assert trailer[88:96] == b"SEALTAIL"
        file.seek(PAYLOAD + metadata_offset)
        metadata = file.read(metadata_size)
    assert metadata[:8] == b"SEALMETA"
    (sections,) = struct.unpack_from("<I", metadata, 12)
    index = None
    for number in range(sections):
        kind, _, encoding, offset, stored, _ = struct.unpack_from("<IHHQQQ", metadata, 32 + 64 * number)
        if kind == 2:
            assert encoding == 0
            index = metadata[offset - metadata_offset:offset - metadata_offset + stored]
    objects, pieces, frames, _ = struct.unpack_from("<IIII", index)
    piece_table = 16 + 48 * objects
    frame_table = piece_table + 16 * pieces
    out, plain, starts = [], 0, []
    for number in range(frames):
        offset, stored, plain_size = struct.unpack_from("<QII", index, frame_table + 56 * number + 32)
        out.append(Frame(offset, stored, []))
        starts.append((plain, plain + plain_size))
        plain += plain_size
    for number in range(objects):
        digest = index[16 + 48 * number:16 + 48 * number + 32].hex()
        _, first, count = struct.unpack_from("<QII", index, 16 + 48 * number + 32)
        for piece in range(first, first + count):
            frame, offset, piece_size = struct.unpack_from("<IIQ", index, piece_table + 16 * piece)
            begin = starts[frame][0] + offset
            for at, (low, high) in enumerate(starts):
                if begin < high and begin + piece_size > low and digest not in out[at].objects:
                    out[at].objects.append(digest)
    return Layout(size, range(metadata_offset, metadata_offset + metadata_size), out)
