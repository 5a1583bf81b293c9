# SPDX-License-Identifier: Apache-2.0
"""Writes payloads from payload/FORMAT.md alone (sections 2 to 7): an independent implementation, whose parts can be made
to lie while every hash around them is right."""
import hashlib
import json
import struct

RAW, ZSTD = 0, 1
CONTENTS, INDEX = 1, 2
BLOCK = 128 << 10  # the largest block of a zstd frame


def sha256(data):
    return hashlib.sha256(data).digest()


def zstd_runs(*runs, claimed=None):
    """A zstd frame (RFC 8878) of (byte string, times): a single byte repeated takes 4 bytes for each 128 KiB, everything else
    is stored. It states `claimed` as its size, by default what it gives."""
    size, body = 0, []

    def block(kind, count, data):
        return struct.pack("<I", (count << 3) | (kind << 1))[:3] + data
    for data, times in runs:
        size += len(data) * times
        if len(data) == 1:
            body.append(block(1, BLOCK, data) * (times // BLOCK))
            if times % BLOCK:
                body.append(block(1, times % BLOCK, data))
        else:
            data *= times
            body += [block(0, len(data[at:at + BLOCK]), data[at:at + BLOCK]) for at in range(0, len(data), BLOCK)]
    header = struct.pack("<IBBQ", 0xFD2FB528, 0b11000000, 10 << 3, size if claimed is None else claimed)  # a window of 1 MiB
    return header + b"".join(body) + b"\1\0\0"  # the last block, empty


class Payload:
    """Filled in by its caller; `write` seals it."""

    def __init__(self, **contents):
        self.data = bytearray()          # the data area
        self.frames = []                 # [hash, offset, stored size, plain size, encoding]
        self.objects = {}                # digest → [(frame, offset, size)]
        self.contents = {"tree": {}, **contents}
        self.document = None             # bytes instead of `contents`
        self.stored = {}                 # section type → (stored bytes, encoding, plain size), instead of what is right
        self.sections = []               # more of them: (type, flags, encoding, offset or None, bytes)
        self.index = None                # bytes instead of the tables above

    def frame(self, stored, plain_size=None, encoding=RAW):
        """Its number."""
        self.frames.append([sha256(stored), 64 + len(self.data), len(stored), len(stored) if plain_size is None else plain_size, encoding])
        self.data += stored
        return len(self.frames) - 1

    def add(self, data, digest=None):
        """An object in one frame of its own; a reference for the contents."""
        digest = digest or sha256(data)
        if digest not in self.objects:
            self.objects[digest] = [(self.frame(data), 0, len(data))] if data else []
        return reference(digest, len(data))

    def file(self, path, data, mode=0o644):
        self.contents["tree"][path] = {"mode": mode, "object": self.add(data)}
        return self

    def index_bytes(self):
        if self.index is not None:
            return self.index
        objects, pieces = [], []
        for digest in sorted(self.objects):
            mine = self.objects[digest]
            objects.append(digest + struct.pack("<QII", sum(piece[2] for piece in mine) % (1 << 64), len(pieces), len(mine)))
            pieces += [struct.pack("<IIQ", *piece) for piece in mine]
        return index_of(objects, pieces, [frame_entry(*frame) for frame in self.frames])

    def write(self, path):
        begin = 64 + len(self.data)
        document = self.document if self.document is not None else json.dumps(self.contents, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        inner = [(kind, 1, *self.stored.get(kind, (data, RAW, len(data)))) for kind, data in ((CONTENTS, document), (INDEX, self.index_bytes()))]
        inner += [(kind, flags, data, encoding, len(data)) for kind, flags, encoding, offset, data in self.sections if offset is None]
        outer = [(kind, flags, encoding, offset, data) for kind, flags, encoding, offset, data in self.sections if offset is not None]
        table = [struct.pack("<IHHQQQ", kind, flags, encoding, offset, len(data), len(data)) + sha256(data) for kind, flags, encoding, offset, data in outer]
        at = begin + 32 + 64 * (len(inner) + len(outer))
        for kind, flags, data, encoding, plain_size in inner:
            table.append(struct.pack("<IHHQQQ", kind, flags, encoding, at, len(data), plain_size) + sha256(data))
            at += len(data)
        metadata = b"".join([b"SEALMETA", struct.pack("<HHIQQ", 1, 0, len(table), begin, 0), *table, *(part[2] for part in inner)])
        size = begin + len(metadata) + 128
        trailer = struct.pack("<QQQ", size, begin, len(metadata)) + sha256(metadata) + struct.pack("<Q16xIHH", 0, 128, 1, 0) + b"SEALTAIL"
        header = b"SEALHEAD" + struct.pack("<HHIQQ", 1, 0, 64, size, 0)
        with open(path, "wb") as out:
            for part in (header, sha256(header), self.data, metadata, trailer, sha256(trailer)):
                out.write(part)
        return path


def reference(digest, size):
    return {"digest": "sha256:" + digest.hex(), "size": size}


def frame_entry(stored_hash, offset, stored, plain, encoding):
    return stored_hash + struct.pack("<QIIB7x", offset, stored, plain, encoding)


def index_of(objects, pieces, frames):
    return struct.pack("<IIII", len(objects), len(pieces), len(frames), 0) + b"".join(objects) + b"".join(pieces) + b"".join(frames)
