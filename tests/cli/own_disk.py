# SPDX-License-Identifier: Apache-2.0
"""A small disk that only the commands of one test see."""
import os
import subprocess
from pathlib import Path


class OwnDisk:
    """A tmpfs at `folder` in a mount namespace of its own; commands that begin with `enter` see it. Needs root."""
    def __init__(self, folder, size):
        self.folder = folder
        folder.mkdir()
        script = 'mount -t tmpfs -o size=$1 tmpfs "$2" && echo ready && read -r _'
        self.keeper = subprocess.Popen(["unshare", "--mount", "sh", "-c", script, "sh", str(size), folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.keeper.stdout.readline() == "ready\n"
        self.enter = ["nsenter", "--mount", "--target", str(self.keeper.pid)]
        self.seen = Path(f"/proc/{self.keeper.pid}/root{folder}")  # by this process

    def resize(self, size):
        subprocess.run([*self.enter, "mount", "-o", f"remount,size={size}", self.folder], check=True)

    def free(self):
        space = os.statvfs(self.seen)
        return space.f_bavail * space.f_frsize

    def close(self):
        self.keeper.communicate("end\n", timeout=20)
