"""Runs hostile code locked in: `locked_in.py WHERE CODE`, for tests/test_sandbox.py.

WHERE is JSON. The code has `tell(what, act)`, which prints how the act ended, and `outside`,
the given facts. The kernel's pid as seen outside is printed first.
"""

import errno
import json
import os
import sys
from pathlib import Path


def say(*words):
    """Prints a line by one write, so that lines of two processes never mix."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def tell(what, act):
    try:
        result = act()
    except OSError as error:
        result = errno.errorcode.get(error.errno, str(error))
    except Exception as error:
        result = type(error).__name__
    say(what, result)


def main():
    where = json.loads(sys.argv[1])
    # The package's own door imports torch; a template has done so long before.
    sys.path.insert(0, f"{where['project']}/autograder")
    from engine import sandbox

    view = sandbox.View(
        read=(*sandbox.machine_paths(), *map(Path, where["read"])),
        hidden=tuple(map(Path, where["hidden"])),
        sockets=Path(where["sockets"]),
        scratch=Path(where["scratch"]),
    )
    pid_from, pid_to = os.pipe()
    template = os.getpid()
    if os.fork() == 0:
        os.close(pid_from)
        try:
            limits = sandbox.Limits(**where["limits"])
            sandbox.enter(view, limits, pid_to, tuple(where["keep"]), template)
            exec(sys.argv[2], {"tell": tell, "outside": where, "sandbox": sandbox})
        except sandbox.SandboxError as error:
            say(error)
        except BaseException as error:
            say("ended by", repr(error))
            os._exit(1)
        os._exit(0)
    os.close(pid_to)
    say("pid", os.read(pid_from, 20).decode().strip(), os.read(pid_from, 1))
    say("status", os.waitstatus_to_exitcode(os.wait()[1]))


main()
