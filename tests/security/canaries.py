# SPDX-License-Identifier: Apache-2.0
"""Secrets that are easy to find again, in whatever form: each begins with the same letters, which no encoding of texts
changes, and base64 and hex only in a few known ways."""
import base64
import collections
import os
import pathlib
import secrets
import string
import subprocess
import threading
import time

Hit = collections.namedtuple('Hit', 'name form offset')
PIECE, BEYOND = 16 << 20, 64    # bytes of a file that are looked at at once; what may belong to a hit at their end


class Canaries:
    def __init__(self):
        self.prefix = 'q' + ''.join(secrets.choice(string.ascii_lowercase) for _ in range(11))
        self.words = {}
        self.forms = {'plain': self.prefix.encode(), 'hex': self.prefix.encode().hex().encode(), 'HEX': self.prefix.encode().hex().upper().encode()}
        for shift in range(3):
            # the characters that come from this text alone, wherever it begins
            text = base64.b64encode(b'\0' * shift + self.prefix.encode())
            self.forms[f'base64 at {shift}'] = text[(shift * 8 + 5) // 6:(shift + len(self.prefix)) * 8 // 6]

    def __call__(self, name):
        """The canary of this way in; as a text that has to be escaped in URLs, JSON and shells."""
        if name not in self.words:
            self.words[name] = f'{self.prefix}{len(self.words):02}x{secrets.token_hex(4)}+%"$&'
        return self.words[name]

    def name_of(self, data, offset):
        number = data[offset + len(self.prefix):offset + len(self.prefix) + 2]
        names = list(self.words)
        return names[int(number)] if number.isdigit() and int(number) < len(names) else '?'

    def hits(self, data):
        """Every canary in these bytes."""
        out = []
        for form, pattern in self.forms.items():
            at = data.find(pattern)
            while at >= 0:
                out.append(Hit(self.name_of(data, at) if form == 'plain' else '?', form, at))
                at = data.find(pattern, at + 1)
        return out

    def in_file(self, path):
        """Of any size, with holes. (grep tells wrong offsets behind holes.)"""
        out = []
        with open(path, 'rb') as file:
            end, size = 0, os.fstat(file.fileno()).st_size
            while end < size:
                try:
                    begin = os.lseek(file.fileno(), end, os.SEEK_DATA)
                except OSError:
                    break  # nothing but a hole
                end = os.lseek(file.fileno(), begin, os.SEEK_HOLE)
                for at in range(begin, end, PIECE):
                    data = os.pread(file.fileno(), min(PIECE + BEYOND, end - at), at)
                    out += [hit._replace(offset=at + hit.offset) for hit in self.hits(data) if hit.offset < PIECE]
        return out

    def below(self, *folders):
        """Files with canaries: path and the names or forms that are there."""
        out = {}
        for folder in folders:
            for path in [folder] if folder.is_file() else folder.rglob('*'):
                if path.is_file() and not path.is_symlink() and (hits := self.hits(path.read_bytes())):
                    out[path] = sorted({hit.name if hit.form == 'plain' else hit.form for hit in hits})
        return out


class ProcessSampler:
    """Looks at the arguments and the environment of every process of this machine, and so of its test hosts, again and
    again, until the block ends. `hits`: (what, program, canary, seconds since the process began)."""

    def __init__(self, canaries):
        self.canaries, self.hits, self.samples, self.seen = canaries, [], 0, set()

    def __enter__(self):
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join()
        assert self.samples > 0, 'nothing was looked at'

    def _run(self):
        while not self.ending.is_set():
            for folder in pathlib.Path('/proc').iterdir():
                if folder.name.isdigit() and int(folder.name) != os.getpid():
                    self._look(folder)
            self.samples += 1
            time.sleep(0.05)

    def _look(self, folder):
        for what in ('cmdline', 'environ'):
            try:
                found = self.canaries.hits((folder / what).read_bytes())
                if found:
                    ticks = int((folder / 'stat').read_text().rpartition(')')[2].split()[19])
                    age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf('SC_CLK_TCK')
                    self.hits += [(what, os.path.basename(os.readlink(folder / 'exe')), hit.name, age) for hit in found]
                self.seen.add((folder / 'comm').read_text().strip())
            except (OSError, ValueError):
                continue  # gone meanwhile


def files_of_image(image, offsets):
    """The files of an unmounted ext4 image to which these bytes belong: offset → path; None: to no file any more."""
    def ask(request):
        done = subprocess.run(['debugfs', '-R', request, str(image)], capture_output=True, text=True, timeout=120)
        return [line.split('\t') for line in done.stdout.splitlines()[1:]]

    blocks = {offset: offset // 4096 for offset in offsets}
    inodes = {}
    numbers = sorted(set(blocks.values()))
    for begin in range(0, len(numbers), 400):
        inodes |= {int(line[0]): line[1] for line in ask('icheck ' + ' '.join(map(str, numbers[begin:begin + 400])))}
    known = sorted({inode for inode in inodes.values() if inode.isdigit()})
    paths = {}
    for begin in range(0, len(known), 400):
        paths |= {line[0]: line[1] for line in ask('ncheck ' + ' '.join(known[begin:begin + 400]))}
    return {offset: paths.get(inodes.get(block, ''), f'inode {inodes[block]}' if inodes.get(block, '').isdigit() else None) for offset, block in blocks.items()}
