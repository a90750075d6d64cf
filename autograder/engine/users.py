"""Who the locked-in process is: users, user namespaces, capabilities.

user_namespaces(7), capabilities(7), no_new_privs of the kernel's Documentation/userspace-api.
"""

import contextlib
import os
import signal
from pathlib import Path

from . import linux

USER = 1000  # who the student's code is inside
NOBODY = 65534  # who it is outside, when root grades; else it is whoever grades


def is_root() -> bool:
    """Whether the machine's root, or a container's with all users, runs this.

    The root of a user namespace that knows one user only is an ordinary user.
    """
    if os.geteuid() != 0:
        return False
    status = Path("/proc/self/status").read_text()
    effective = int(status.split("CapEff:")[1].split()[0], 16)
    mapped = all(_has_nobody(f"/proc/self/{kind}_map") for kind in ("uid", "gid"))
    return bool(effective >> 21 & 1) and mapped  # CAP_SYS_ADMIN


def _has_nobody(id_map: str) -> bool:
    lines = [[int(n) for n in line.split()] for line in Path(id_map).read_text().splitlines()]
    return any(first <= NOBODY < first + count for first, _, count in lines)


def own_user_namespace() -> None:
    """An ordinary user's: all capabilities over what is made inside, no other user."""
    user, group = os.geteuid(), os.getegid()
    linux.prctl(linux.PR_SET_DUMPABLE, 1)  # else the files below belong to root
    linux.unshare(linux.CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{USER} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{USER} {group} 1")


def map_users(child: int, first: tuple[int, int] = (USER, USER)) -> None:
    """The user and the group of the child's user namespace who are nobody outside."""
    for kind, inside in zip(("uid", "gid"), first, strict=True):
        Path(f"/proc/{child}/{kind}_map").write_text(f"{inside} {NOBODY} 1")


def drop_privileges() -> None:
    """No capability now, and none to be had: not by a user, a file or a program."""
    linux.prctl(linux.PR_SET_SECUREBITS, 0xEF)  # all set and locked but KEEP_CAPS, locked only
    with contextlib.suppress(OSError):  # ends at the first that this kernel does not know
        for capability in range(64):
            linux.prctl(linux.PR_CAPBSET_DROP, capability)
    os.setresgid(USER, USER, USER)
    os.setresuid(USER, USER, USER)
    linux.drop_capabilities()
    linux.prctl(linux.PR_CAP_AMBIENT, linux.PR_CAP_AMBIENT_CLEAR_ALL)
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    # A change of user makes a process undumpable, and its own /proc/self root's.
    linux.prctl(linux.PR_SET_DUMPABLE, 1)


def user_namespace_of(owner: tuple[int, int]) -> int:
    ready, tell = os.pipe()
    holder = os.fork()
    if not holder:
        try:
            linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
            linux.unshare(linux.CLONE_NEWUSER)
            os.write(tell, b"u")
            signal.pause()
        finally:
            os._exit(1)
    os.close(tell)
    try:
        os.read(ready, 1)
        map_users(holder, owner)
        return os.open(f"/proc/{holder}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(ready)
        os.kill(holder, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(holder, 0)
