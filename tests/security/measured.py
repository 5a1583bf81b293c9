# SPDX-License-Identifier: Apache-2.0
"""measured REPORT SECONDS COMMAND…: runs the command, kills it after so many seconds, and writes its exit code and the most
memory that it had, in KiB. A program of its own, since a child's peak begins with what its parent had."""
import os
import signal
import sys


def main():
    report, seconds, *command = sys.argv[1:]
    child = os.posix_spawn(command[0], command, os.environ)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGKILL))
    signal.alarm(int(seconds))
    _, status, usage = os.wait4(child, 0)
    with open(report, "w") as out:
        out.write(f"{os.waitstatus_to_exitcode(status)} {usage.ru_maxrss}")


main()
