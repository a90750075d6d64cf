"""Kernels: fresh, each for itself, and gone with everything they started."""

import asyncio
import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable

import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from autograder.engine import execute, kernels, sandbox
from autograder.engine.execute import Budget
from autograder.engine.kernels import ForkedKernelManager, Settings
from autograder.engine.template import ENVIRONMENT
from tests.attacks.harness import LIMITS

pytestmark = pytest.mark.skipif(not sandbox.ok(), reason="this machine has no sandbox")

SETTINGS = Settings(LIMITS, threads=1)
BUDGET = Budget(cell=30, call=3, submission=60)
# One cell leaves traces, the other names those that it finds.
LEAVE = """
import builtins, json, os, pathlib, random, sys, types
import numpy, torch, autograder, course
builtins.left = torch.left = autograder.left = course.left = 1
json.left = 1
torch.Tensor.left = 1
torch.set_default_dtype(torch.float64)
sys.modules["left"] = types.ModuleType("left")
sys.path.insert(0, "/left")
os.environ["LEFT"] = "1"
os.umask(0o077)
startup = pathlib.Path.home() / ".ipython" / "profile_default" / "startup"
startup.mkdir(parents=True, exist_ok=True)
(startup / "left.py").write_text("builtins.left = 1")
for folder in (".", "/tmp", "/dev/shm"):
    pathlib.Path(folder, "left").write_text("left")
variable = 1
"""
LOOK = """
import builtins, json, os, pathlib, sys
import torch, autograder, course
startup = pathlib.Path.home() / ".ipython" / "profile_default" / "startup"
traces = {
    "builtins": hasattr(builtins, "left"), "torch": hasattr(torch, "left"),
    "autograder": hasattr(autograder, "left"), "course": hasattr(course, "left"),
    "json": hasattr(json, "left"), "class": hasattr(torch.Tensor, "left"),
    "dtype": torch.get_default_dtype() is torch.float64, "modules": "left" in sys.modules,
    "path": "/left" in sys.path, "environment": "LEFT" in os.environ,
    "umask": os.umask(0) == 0o077, "startup": (startup / "left.py").exists(),
    "variable": "variable" in globals(),
    **{f: pathlib.Path(f, "left").exists() for f in (".", "/tmp", "/dev/shm")},
}
print(*(name for name, found in traces.items() if found))
"""
DRAW = """
import random, uuid
import numpy, torch
print(random.random(), numpy.random.rand(), torch.rand(1).item(), uuid.uuid4())
for module in (random, numpy.random): module.seed(0)
torch.manual_seed(0)
"""
SLEEPER = "import time; time.sleep(1000)"


def printed(*cells: str, settings: Settings = SETTINGS) -> list[str]:
    """What each cell prints in a kernel of its own for all of them."""
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    asyncio.run(execute.run(notebook, {}, bytes(32), settings, BUDGET))
    return ["".join(out.get("text", "") for out in cell.outputs) for cell in notebook.cells]


@contextlib.asynccontextmanager
async def started(settings: Settings = SETTINGS):
    """A kernel and a client that is connected to it."""
    manager = ForkedKernelManager(settings)
    try:
        await manager.start_kernel()
        client = manager.client()
        client.start_channels()
        await client.wait_for_ready(timeout=60)
        yield manager, client
        client.stop_channels()
    finally:
        await manager.shutdown_kernel(now=True)


def peer(connection: socket.socket) -> int:
    """The number of the process at the other end."""
    size = struct.calcsize("3i")
    said = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    return struct.unpack("3i", said)[0]


def soon(holds: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_nothing_of_one_kernel_reaches_the_next():
    _, in_the_same = printed(LEAVE, LOOK)
    assert len(in_the_same.split()) == 16, in_the_same
    assert printed(LOOK) == ["\n"]


def test_kernels_draw_different_numbers():
    drawn = [printed(DRAW)[0].split() for _ in range(3)]
    for numbers in zip(*drawn, strict=True):
        assert len(set(numbers)) == 3, drawn


def test_a_kernel_that_ends_says_so():
    async def ends() -> None:
        async with started() as (manager, client):
            assert await manager.is_alive()
            client.execute("import os; os._exit(3)")
            await asyncio.wait_for(manager.provisioner.wait(), 20)
            assert not await manager.is_alive()

    asyncio.run(ends())


def test_without_a_template_the_reason_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(kernels, "_runtime_folder", lambda: tmp_path)
    monkeypatch.setattr(kernels.sys, "executable", "/bin/false")
    with pytest.raises(kernels.KernelError, match="did not start"):
        kernels.template()


CLIENT = """
import asyncio, sys, time
from tests.test_kernels import peer, started

async def main():
    async with started() as (manager, _):
        print(peer(manager.provisioner._line), manager.provisioner.pid, flush=True)
        time.sleep(1000)

asyncio.run(main())
"""


def test_a_second_client_finds_the_template_and_takes_its_kernel_along():
    async def both() -> None:
        async with started() as (manager, _):  # which keeps the template from being idle
            command = [sys.executable, "-c", CLIENT]
            with subprocess.Popen(command, cwd=kernels.ROOT, stdout=subprocess.PIPE) as client:
                found, kernel = map(int, client.stdout.readline().split())
                assert not is_gone(kernel)
                client.send_signal(signal.SIGKILL)
            assert found == peer(manager.provisioner._line)
            assert soon(lambda: is_gone(kernel))
            assert await manager.is_alive()

    asyncio.run(both())


def test_a_template_of_its_own_ends_with_its_kernel_and_all_that_this_started():
    """Cold mode, in which the template has no children but this kernel's."""
    marker = f"sleeper-{os.urandom(8).hex()}"
    start = f"""
import os, subprocess, sys, time
sleeper = [sys.executable, "-c", {SLEEPER!r}, {marker!r}]
subprocess.Popen(sleeper)
if os.fork() == 0:  # a daemon
    os.setsid()
    if os.fork() == 0: os.execv(sys.executable, sleeper)
    os._exit(0)
"""

    def sleepers() -> list[psutil.Process]:
        return [p for p in psutil.process_iter(["cmdline"]) if marker in (p.info["cmdline"] or ())]

    async def run() -> tuple[int, list[int]]:
        async with started(Settings(LIMITS, threads=1, warm=False)) as (manager, client):
            client.execute(start)
            template = peer(manager.provisioner._line)
            children = psutil.Process(template).children(recursive=True)
            for _ in range(200):
                if len(sleepers()) == 2:
                    break
                await asyncio.sleep(0.1)
            assert len(sleepers()) == 2
            assert manager.provisioner.pid in {child.pid for child in children}
            return template, [child.pid for child in children]

    with kernels.template() as connection:
        warm = peer(connection)
    template, children = asyncio.run(run())
    assert template != warm
    assert len(children) >= 3  # the kernel, who waits for it outside, and the judge
    assert soon(lambda: not sleepers())
    assert soon(lambda: all(map(is_gone, [template, *children])))
    assert not list(kernels._runtime_folder().glob(f"cold-{os.getpid()}-*"))


def test_a_template_knows_nothing_of_its_grader_and_ends_when_idle(tmp_path, monkeypatch):
    """Kernels can read the environment that their template was started with."""
    monkeypatch.setenv("GRADERS_TOKEN", "private")
    path = tmp_path / "template.sock"
    process = kernels._start_template(path, idle=1.0)
    assert soon(path.exists, 120)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        assert peer(connection) == process.pid
        assert set(psutil.Process(process.pid).environ()) <= {*kernels.HANDED_OVER, *ENVIRONMENT}
        assert path.stat().st_mode & 0o777 == 0o600
    assert process.wait(60) == 0
    assert not list(tmp_path.iterdir())
