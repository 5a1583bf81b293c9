# SPDX-License-Identifier: Apache-2.0
"""Measures several ways to the same result, interleaved: wall time, bytes written to disk, size of the result."""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]


def kube(key):
    """One of the paths that tests/kube/build prints."""
    lines = subprocess.run([ROOT / 'tests/kube/build', '--print'], check=True, capture_output=True, text=True).stdout.splitlines()
    return dict(line.split('=', 1) for line in lines)[key]


def names_of(layout):
    """The full names of a layout's images."""
    name = 'org.opencontainers.image.ref.name'
    index = json.loads((layout / 'index.json').read_text())
    return [entry['annotations'][name] for entry in index['manifests'] if name in entry.get('annotations', {})]


def skopeo():
    return subprocess.run([ROOT / 'tests/bench/skopeo'], check=True, capture_output=True, text=True).stdout.strip()


def written_by(command):
    """Runs it; returns the bytes that it and its children wrote (write_bytes of /proc/PID/io: dirtied pages, not pipes). A
    process's counters include those of children that it has waited for, so the counters of a shell are read whose only child
    it is."""
    script = '"$@" >&2 || exit; while read -r key value; do [ "$key" != write_bytes: ] || echo "$value"; done < /proc/$$/io'
    done = subprocess.run(['bash', '-c', script, 'bench', *map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0 or not done.stdout:
        sys.exit(f'{command[0]} ended with {done.returncode}: {done.stderr[-2000:]}')
    return int(done.stdout)


def measure(way):
    """`way` prepares a folder and returns the commands to be measured, which leave "result" there: a file or a folder."""
    with tempfile.TemporaryDirectory(dir=os.environ.get('TMPDIR', '/var/tmp')) as temporary:
        folder = pathlib.Path(temporary)
        commands = way(folder)
        begin = time.perf_counter()
        written = sum(written_by(command) for command in [*commands, ['sync', '-f', temporary]])
        seconds = time.perf_counter() - begin
        result = folder / 'result'
        size = sum(path.stat().st_blocks for path in [result, *(result.rglob('*') if result.is_dir() else ())]) * 512
        return seconds, written, size


def compare(title, rounds, ways):
    """Prints medians and ranges; returns the medians by way: seconds, bytes written, bytes of the result."""
    runs = {name: [] for name in ways}
    for number in range(rounds):
        for name, way in ways.items():
            runs[name].append(measure(way))
        print(f'round {number + 1} of {rounds}, load {pathlib.Path("/proc/loadavg").read_text().split()[0]}', flush=True)
    print(f'{title}; medians (range)')
    medians = {name: [statistics.median(run[column] for run in of) for column in range(3)] for name, of in runs.items()}
    own_name = next(iter(ways))
    own = medians[own_name]
    for name, (seconds, written, size) in medians.items():
        times = [run[0] for run in runs[name]]
        print(f'  {name:<22} {seconds:6.2f} s ({min(times):.2f} to {max(times):.2f}), {written / 1e6:7.1f} MB written, {size / 1e6:7.1f} MB large: {written / size:.2f} written for each byte'
              + ('' if name == own_name else f'; {own_name} takes {own[0] / seconds:.2f}x the time{f", writes {own[1] / written:.2f}x" if written else ""}, is {own[2] / size:.3f}x as large'))
    return medians
