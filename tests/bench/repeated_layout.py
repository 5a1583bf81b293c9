# SPDX-License-Identifier: Apache-2.0
"""The images of the demo's Kubernetes, repeated until a layout has the wanted size."""
import gzip
import hashlib
import json

NAME = 'org.opencontainers.image.ref.name'


class Layout:
    def __init__(self, folder):
        self.blobs = folder / 'blobs/sha256'
        self.blobs.mkdir(parents=True)
        self.folder, self.size, self.entries = folder, 0, []

    def add(self, data, descriptor):
        digest = hashlib.sha256(data).hexdigest()
        path = self.blobs / digest
        if not path.exists():
            path.write_bytes(data)
            self.size += len(data)
        return {**descriptor, 'digest': f'sha256:{digest}', 'size': len(data)}

    def finish(self):
        (self.folder / 'oci-layout').write_text('{"imageLayoutVersion":"1.0.0"}')
        (self.folder / 'index.json').write_text(json.dumps({'schemaVersion': 2, 'manifests': self.entries}))


def repeat(source, folder, bytes_wanted):
    """A tar may end with any number of empty blocks, and gzip may have several members: so layers get other digests."""
    layout, number = Layout(folder), 0
    entries = [entry for entry in json.loads((source / 'index.json').read_text())['manifests'] if 'image.manifest' in entry['mediaType'] and NAME in entry.get('annotations', {})]
    while layout.size < bytes_wanted:
        number += 1
        suffix = gzip.compress(b'\0' * 512 * number, mtime=0)
        for entry in entries:
            read = lambda descriptor: (source / 'blobs/sha256' / descriptor['digest'].removeprefix('sha256:')).read_bytes()
            manifest = json.loads(read(entry))
            manifest['layers'] = [layout.add(read(layer) + suffix, layer) for layer in manifest['layers']]
            manifest['config'] = layout.add(read(manifest['config']), manifest['config'])
            new = layout.add(json.dumps(manifest).encode(), {'mediaType': entry['mediaType']})
            layout.entries.append({**new, 'annotations': {NAME: entry['annotations'][NAME] + f'-{number}'}})
    layout.finish()
    return layout
