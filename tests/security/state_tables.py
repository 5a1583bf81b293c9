# SPDX-License-Identifier: Apache-2.0
"""What runtime/OPERATIONS.md says that Sealift leaves on a host: its table, row by row, as paths and modes."""
import dataclasses
import os
import re

from lab import ROOT

TITLE = "### Sealift's own"


@dataclasses.dataclass(frozen=True)
class Row:
    paths: tuple       # with <digest>, <name> … in them; folders end with /
    modes: frozenset   # of what is complete
    folder_mode: int   # of the folder, if the row names one, else 0

    def concrete(self, names):
        return [re.sub(r'<(\w+)>', lambda match: names[match[1]], path) for path in self.paths]


def _paths(cell):
    """Those of a first column. What does not begin with / stands beside the one before it; … is the name of the one before."""
    out = []
    for text in re.findall(r'`([^`]+)`', cell):
        if text.endswith('…'):
            text = text[:-1] + os.path.basename(out[0])
        if not text.startswith(('/', '<')):
            folder = out[-1]
            for _ in range(text.count('/') + 1):
                folder = os.path.dirname(folder)
            text = f'{folder}/{text}'
        out.append(text)
    return tuple(out)


def _row(line):
    first, mode = [cell.strip() for cell in line.strip('|').split('|')[:2]]
    folder = re.search(r'in a folder (0\d{3})', mode)
    complete = re.search(r'(0\d{3}) when complete', mode)
    modes = {complete[1]} if complete else set(re.findall(r'0\d{3}', mode)) - {folder and folder[1]}
    return Row(_paths(first), frozenset(int(text, 8) for text in modes), int(folder[1], 8) if folder else 0)


def host_rows():
    text = (ROOT / 'runtime/OPERATIONS.md').read_text()
    table = text[text.index(TITLE):].split('\n\n')[1]
    rows = [_row(line) for line in table.splitlines()[2:]]
    assert len(rows) >= 20 and all(row.paths and row.modes for row in rows), rows
    return rows
