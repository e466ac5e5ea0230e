"""Starts a learning program such that it cannot outlive the worker that started it.

    python -I launch.py WORKER_PID PROGRAM [ARGUMENT …]

On Linux the kernel is asked to end this process when its parent dies, however that happens; then
the program takes this process over. Elsewhere the lock on the run's folder keeps a second program
out for as long as the first one lives.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, program = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("The worker is gone.")
    os.execv(program[0], program)


if __name__ == "__main__":
    main()
