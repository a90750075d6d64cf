"""Kernels forked from the template, behind jupyter_client's interface for kernel managers."""

import asyncio
import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import zmq
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import KernelProvisionerBase
from traitlets import Instance

from autograder.engine import sandbox
from autograder.engine.template import ENVIRONMENT

ROOT = Path(__file__).resolve().parents[2]
# What a student's kernel must not see of the project.
SECRET = ("course/lessons", "course/recipes", "autograder/hidden", "autograder/grading")
STARTUP = 120.0  # seconds that a template may take to import everything
# What a template takes over from the grader's environment. Its kernels can read all of it, however
# they change their own: the memory in which it was handed over stays (proc_pid_environ(5)).
HANDED_OVER = (
    "PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TZ", "COURSE_HUB", "PYTHONPATH", "PYTHONUSERBASE",
    "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES",
)  # fmt: skip
IDLE, IDLE_COLD = 30.0, 5.0  # seconds after which a template that nobody uses ends
MAX_MESSAGE = 128 << 20  # bytes; a kernel that sends a larger one has to connect anew
MAX_WAITING = 4  # messages on each channel
SCRATCH = "/scratch"  # where a kernel runs: a file system of its own


class KernelError(Exception):
    """No kernel could be had; the message says why."""


@dataclass(frozen=True)
class Settings:
    """How kernels run. `limits` None means no sandbox at all."""

    limits: sandbox.Limits | None
    threads: int = 2
    devices: tuple[str, ...] = ()  # files under /dev that belong to a GPU
    gpu_share: float = 0.0  # of its memory
    warm: bool = True  # False: a template of its own for each kernel


@dataclass
class Place:
    """A folder of the outside for one kernel: its sockets, and without a sandbox its scratch too."""

    settings: Settings
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="kernel-")))

    @property
    def sockets(self) -> Path:
        return self.folder / "sockets"

    def order(self, connection: dict) -> dict:
        """What the template must know to start a kernel here."""
        self.sockets.mkdir(exist_ok=True)
        limits = self.settings.limits
        if limits is None:
            scratch = self.folder / "scratch"
            scratch.mkdir(exist_ok=True)
        else:
            scratch = Path(SCRATCH)
            self.folder.chmod(0o711)  # its name is a secret
            self.sockets.chmod(0o777)  # the kernel is another user
        return {
            "connection": connection,
            "scratch": str(scratch),
            "threads": self.settings.threads,
            "gpu_share": self.settings.gpu_share if self.settings.devices else 0.0,
            "environment": _environment(scratch),
            "sandbox": limits and {
                "limits": asdict(limits),
                "read": [str(path) for path in _readable()],
                "hidden": [str(ROOT / name) for name in SECRET],
                "sockets": str(self.sockets),
                "devices": list(self.settings.devices),
            },
        }  # fmt: skip

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def _readable() -> list[Path]:
    """What a kernel may read: Python, the packages, and of the project what students have too."""
    found = [*sandbox.machine_paths(), ROOT / "course", ROOT / "autograder"]
    hub = os.environ.get("COURSE_HUB", "")
    if hub not in ("", "1"):
        found.append(Path(hub).resolve())
    return found


def _environment(scratch: Path) -> dict[str, str]:
    home = str(scratch)
    kept = _handed_over(("LANG", "LC_ALL", "TZ"))
    if os.environ.get("COURSE_HUB", "") not in ("", "1"):
        kept["COURSE_HUB"] = os.environ["COURSE_HUB"]
    return kept | ENVIRONMENT | {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": home,
        "TMPDIR": home,
        "IPYTHONDIR": f"{home}/.ipython",
        "MPLCONFIGDIR": f"{home}/.matplotlib",
        "PYTHONDONTWRITEBYTECODE": "1",
        "NBGRADER_EXECUTION": "autograde",
    }  # fmt: skip


def _handed_over(names: tuple[str, ...]) -> dict[str, str]:
    return {name: os.environ[name] for name in names if name in os.environ}


# --- the template, from outside


def _version() -> str:
    """Changes whenever the template would hold other code than this process would import."""
    digest = sha256(f"{sys.executable} {ROOT} {os.environ.get('COURSE_HUB')}".encode())
    for folder in ("autograder", "course"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            stat = path.stat()
            digest.update(f"{path} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def _runtime_folder() -> Path:
    """A folder that only this user can enter, for the sockets of templates."""
    folder = Path(tempfile.gettempdir()) / f"language-model-course-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077 or folder.is_symlink():
        raise KernelError(f"{folder} belongs to somebody else: remove it, or set TMPDIR.")
    return folder


def _connect(path: Path) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(str(path))
    except OSError:
        connection.close()
        return None
    return connection


def _start_template(path: Path, idle: float) -> subprocess.Popen:
    with path.with_suffix(".log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "autograder.engine.template", str(path), str(idle)],
            cwd=ROOT,
            env=_handed_over(HANDED_OVER) | ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def template(warm: bool = True) -> socket.socket:
    """A connection to the template, which is started first where it does not run yet."""
    name = f"{_version()}.sock" if warm else f"cold-{os.getpid()}-{time.monotonic_ns()}.sock"
    path = _runtime_folder() / name
    connection = _connect(path)
    if connection:
        return connection
    process = _start_template(path, IDLE if warm else IDLE_COLD)
    deadline = time.monotonic() + STARTUP
    while time.monotonic() < deadline:
        if connection := _connect(path):
            return connection
        if process.poll() is not None:
            break
        time.sleep(0.02)
    said = path.with_suffix(".log").read_text(errors="replace").strip().splitlines()
    raise KernelError(f"The template of the kernels did not start: {said[-1] if said else '?'}")


def warm_up() -> None:
    """Starts the template, so that the first kernel needs not wait for it."""
    template().close()


# --- jupyter_client's side


class ForkedProvisioner(KernelProvisionerBase):
    """Has the template fork a kernel; holds its life line and the control line of its judge."""

    place = Instance(Place)
    control: socket.socket | None = None
    pid: int | None = None
    _line: socket.socket | None = None
    _process: int | None = None  # a pidfd: the number may be given out again, this not
    _ended = False

    @property
    def has_process(self) -> bool:
        return self._process is not None

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        return {"cmd": []}

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> dict:
        manager = self.parent
        manager.cache_ports = False
        manager.ip = str(self.place.sockets / "kernel")
        manager.shell_port, manager.iopub_port, manager.stdin_port = 1, 2, 3
        manager.hb_port, manager.control_port = 4, 5
        self.connection_info = manager.get_connection_info()
        order = self.place.order({**self.connection_info, "key": manager.session.key.decode()})
        self.control, theirs = socket.socketpair()
        try:
            await asyncio.get_running_loop().run_in_executor(None, self._launch, order, theirs)
        finally:
            theirs.close()
        return self.connection_info

    def _launch(self, order: dict, control: socket.socket) -> None:
        self._line = template(self.place.settings.warm)
        socket.send_fds(self._line, [json.dumps(order).encode()], [control.fileno()])
        self._line.settimeout(STARTUP)
        answer = json.loads(self._line.recv(1 << 16) or b'{"error": "the template ended"}')
        if "error" in answer:
            raise KernelError(f"No kernel could be started: {answer['error']}")
        self.pid = answer["pid"]
        try:
            self._process = os.pidfd_open(self.pid)
        except ProcessLookupError:
            raise KernelError("The kernel ended as soon as it was started.") from None

    async def poll(self) -> int | None:
        """None while the kernel lives."""
        if self._process is None:
            return 0
        if not self._ended:
            self._ended = bool(select.select([self._process], [], [], 0)[0])
        return 1 if self._ended else None

    async def wait(self) -> int | None:
        while await self.poll() is None:
            await asyncio.sleep(0.01)
        return 0

    async def send_signal(self, signum: int) -> None:
        if self._process is not None and await self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._process, signum)

    async def kill(self, restart: bool = False) -> None:
        """Kills the kernel, and returns when it has ended, or after a second."""
        await self.send_signal(signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.wait(), 1.0)

    terminate = kill

    async def cleanup(self, restart: bool = False) -> None:
        """Lets go of everything; the template ends what is left of kernel and judge."""
        for line in (self.control, self._line):
            if line:
                line.close()
        if self._process is not None:
            os.close(self._process)
        self.control = self._line = self._process = None
        self.place.remove()

    def get_shutdown_wait_time(self, recommended: float = 5.0) -> float:
        return 0.0  # a student's kernel is not asked


class ForkedKernelManager(AsyncKernelManager):
    """A kernel manager whose kernels come from the template, over ipc and never TCP."""

    def __init__(self, settings: Settings, **kwargs: Any):
        super().__init__(transport="ipc", **kwargs)
        self.place = Place(settings)

    async def _async_pre_start_kernel(self, **kwargs: Any):
        self.provisioner = ForkedProvisioner(
            parent=self, place=self.place, kernel_id=self.kernel_id
        )
        return await super()._async_pre_start_kernel(**kwargs)

    pre_start_kernel = _async_pre_start_kernel

    def client(self, **kwargs: Any):
        """A client that a kernel can not make hold more of its messages than there is memory."""
        client = super().client(**kwargs)
        client.context.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE)
        client.context.setsockopt(zmq.RCVHWM, MAX_WAITING)
        client.context.setsockopt(zmq.RECONNECT_IVL, 5)  # ms, while the kernel starts
        return client
