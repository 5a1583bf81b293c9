# SPDX-License-Identifier: Apache-2.0
"""A program on an 80x24 terminal."""
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time

import pytest


class Screen:
    def __init__(self, text, code):
        self.text = text
        self.code = code


def at_terminal(command, env, cwd, answers=(), timeout=30):
    """Runs the command there; `answers` are (what to wait for, what to type)."""
    pid, fd = pty.fork()
    if pid == 0:
        # as from a login shell, whatever started these tests (a background job ignores SIGINT)
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        os.chdir(cwd)
        os.execve(command[0], command, env)
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    out = b""
    waiting = list(answers)
    deadline = time.monotonic() + timeout
    while True:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            pytest.fail(f"no end after {timeout} s: {out!r}")
        if not select.select([fd], [], [], 0.2)[0]:
            continue
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        out += data
        if waiting and waiting[0][0].encode() in out:
            os.write(fd, waiting.pop(0)[1].encode())
    _, status = os.waitpid(pid, 0)
    os.close(fd)
    return Screen(out.decode(errors="replace"), os.waitstatus_to_exitcode(status))
