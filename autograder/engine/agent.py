"""The part of the engine that lives in the student's kernel: it asks the answers and reports.

Nothing here is trusted: student code shares the process and can change all of it. What it can not
do is know an expected value, or make the judge believe one.
"""

import builtins
import contextlib
import copy
import json
import linecache
import math
import os
import random
import re
import signal
import socket
import sys
import traceback
from types import FunctionType, ModuleType

import safetensors.torch
import torch

from autograder.engine import wire
from autograder.grade import TOO_LONG, UNDEFINED, UNREADABLE, observe
from autograder.observation import pack
from autograder.question import Case, find

INIT = False  # whether this is process 1 of a namespace of its own
_kill = os.kill
REQUEST, REPLY = "engine_request", "engine_reply"  # types of messages
MAX_FRAME = wire.MAX_BYTES - 100
KEPT = (
    builtins, copy, json, json.encoder, json.decoder, linecache, math, random, re, traceback,
    safetensors, safetensors.torch, torch, torch.functional, torch.nn.functional, torch.autograd,
)  # fmt: skip


class Pristine:
    """The modules, classes and functions that probes rely on, as they were before student code ran.

    So a right answer keeps its points beside whatever the notebook does to them.
    """

    def __init__(self):
        own = [m for name, m in sys.modules.items() if _is_own(name)]
        modules: list[ModuleType] = [*KEPT, *own]
        self._loaded = dict(sys.modules)
        self._modules = [(vars(module), dict(vars(module))) for module in modules]
        values = [value for module in own for value in vars(module).values()]
        kinds = {v for v in values if isinstance(v, type) and _is_own(v.__module__)}
        kinds |= {torch.Tensor, torch.nn.Module}
        self._classes = [(kind, dict(vars(kind))) for kind in kinds]
        values += [value for kind in kinds for value in vars(kind).values()]
        functions = {id(f): f for f in values if type(f) is FunctionType and _is_own(f.__module__)}
        self._functions = [
            (f, f.__code__, f.__defaults__, f.__kwdefaults__) for f in functions.values()
        ]

    def restore(self) -> None:
        dict.update(sys.modules, self._loaded)
        for live, kept in self._modules:
            live.update(kept)
        for kind, kept in self._classes:
            _restore_class(kind, kept)
        for function, code, defaults, kwdefaults in self._functions:
            function.__code__ = code
            function.__defaults__, function.__kwdefaults__ = defaults, kwdefaults
        torch.set_default_dtype(torch.float32)
        torch.set_grad_enabled(True)


def _is_own(name: str | None) -> bool:
    return (name or "").split(".")[0] in ("autograder", "course")


def _restore_class(kind: type, kept: dict) -> None:
    live = dict(vars(kind))
    for name in live.keys() - kept.keys():  # would hide what is inherited
        with contextlib.suppress(AttributeError, TypeError):
            delattr(kind, name)
    for name, value in kept.items():
        if live.get(name) is not value and name not in ("__dict__", "__weakref__"):
            setattr(kind, name, value)


class Agent:
    """Keeps each answer as it is at its check, and later runs it on the cases that the judge sends."""

    def __init__(self, judge: socket.socket, kernel):
        self._judge = judge
        self._shell = kernel.shell
        self._session = kernel.session
        self._namespace = kernel.shell.user_ns
        self._answers: dict[str, tuple] = {}
        self._pristine: Pristine

    def handle(self, stream, ident, message: dict) -> None:
        """Takes a message of the engine's from the kernel's channel for requests.

        These are no code, which cells could have IPython transform, hide or not run at all.
        """
        self._pristine.restore()
        content = message["content"]
        if "variable" in content:
            self.record(content["question"], content["variable"])
        elif "question" in content:
            self.serve(content["question"])
        self._session.send(stream, REPLY, {}, parent=message, ident=ident)

    def record(self, question: str, variable: str) -> None:
        """Keeps the answer and the names around it, which later cells may define anew."""
        names = dict(self._namespace)
        if self._shell.user_ns is not self._namespace:
            names.update(dict(self._shell.user_ns))
        if variable in names:
            self._answers[question] = names[variable], names

    def serve(self, question: str) -> None:
        """Answers the judge's cases on one question until it has no more."""
        if INIT:  # what cells and other answers have started would take its time
            with contextlib.suppress(OSError):  # there are none
                _kill(-1, signal.SIGKILL)
        answer, names = self._answers.get(question, (None, None))
        if names is not None:
            self._namespace.clear()
            self._namespace.update(names)
        while True:
            try:
                order = wire.receive(self._judge)
            except KeyboardInterrupt:  # came too late for the call that it was to end
                continue
            if order["question"] != question:  # left over from a question that was cut short
                continue
            if order["ticket"] is None:
                return
            frame = self._observed(question, answer, names is not None, order["inputs"])
            wire.write(self._judge, order["ticket"].encode() + frame)

    def _observed(self, question: str, answer, defined: bool, inputs: dict) -> bytes:
        """What was seen of one call, packed; to pack it can run a student's code as well."""
        if not defined:
            return pack({"status": UNDEFINED})
        try:
            frame = pack(observe(find(question), answer, Case("", (), inputs)))
            if len(frame) <= MAX_FRAME:
                return frame
        except KeyboardInterrupt:
            return pack({"status": TOO_LONG})
        except BaseException:
            self._pristine.restore()
        return pack({"status": UNREADABLE})


AGENT: Agent | None = None


def start(judge: socket.socket, kernel) -> None:
    """Makes this process's agent, which takes the engine's messages to an IPython kernel."""
    global AGENT, INIT
    INIT = os.getpid() == 1
    AGENT = Agent(judge, kernel)
    AGENT._pristine = Pristine()  # which restores AGENT too
    kernel.shell_handlers[REQUEST] = AGENT.handle
