"""The part of the engine that lives in the student's kernel: it asks the answers and reports.

Nothing here is trusted: student code shares the process and can change all of it. What it can not
do is know an expected value, or make the judge believe one.
"""

import builtins
import copy
import json
import linecache
import math
import random
import re
import socket
import sys
import traceback
from types import ModuleType

import safetensors.torch
import torch

from autograder.engine import wire
from autograder.grade import TOO_LONG, UNDEFINED, observe
from autograder.question import Case, find

KEPT = (
    builtins, copy, json, json.encoder, json.decoder, linecache, math, random, re, traceback,
    safetensors, safetensors.torch, torch, torch.functional, torch.nn.functional, torch.autograd,
)  # fmt: skip


class Pristine:
    """The modules and classes that probes rely on, as they were before student code ran."""

    def __init__(self):
        own = [
            m for name, m in sys.modules.items() if name.split(".")[0] in ("autograder", "course")
        ]
        modules: list[ModuleType] = [*KEPT, *own]
        self._modules = [(vars(module), dict(vars(module))) for module in modules]
        kinds = {v for m in own for v in vars(m).values() if isinstance(v, type)}
        kinds = {
            kind for kind in kinds if kind.__module__.split(".")[0] in ("autograder", "course")
        }
        kinds |= {torch.Tensor, torch.nn.Module}
        self._classes = [(kind, dict(vars(kind))) for kind in kinds]

    def restore(self) -> None:
        for live, kept in self._modules:
            live.update(kept)
        for kind, kept in self._classes:
            for name, value in kept.items():
                if vars(kind).get(name) is not value and name not in ("__dict__", "__weakref__"):
                    setattr(kind, name, value)


class Agent:
    """Keeps each answer as it is at its check, and later runs it on the cases that the judge sends."""

    def __init__(self, judge: socket.socket, namespace: dict):
        self._judge = judge
        self._namespace = namespace
        self._answers: dict[str, tuple] = {}
        self._pristine: Pristine

    def record(self, question: str, variable: str) -> None:
        """Keeps the answer and the names around it, which later cells may define anew."""
        if variable in self._namespace:
            self._answers[question] = self._namespace[variable], dict(self._namespace)

    def serve(self, question: str) -> None:
        """Answers the judge's cases on one question until it has no more."""
        self._pristine.restore()
        answer, names = self._answers.get(question, (None, None))
        if names is not None:
            self._namespace.clear()
            self._namespace.update(names)
        while True:
            order = wire.receive(self._judge)
            if order["question"] != question:  # left over from a question that was cut short
                continue
            if order["ticket"] is None:
                return
            self._pristine.restore()
            seen = self._observe(question, answer, names is not None, order["inputs"])
            wire.send(self._judge, {"ticket": order["ticket"], "observation": seen})

    def _observe(self, question: str, answer, defined: bool, inputs: dict) -> dict:
        if not defined:
            return {"status": UNDEFINED}
        try:
            return observe(find(question), answer, Case("", (), inputs))
        except KeyboardInterrupt:
            return {"status": TOO_LONG}


AGENT: Agent | None = None


def start(judge: socket.socket, namespace: dict) -> None:
    """Makes this process's agent."""
    global AGENT
    AGENT = Agent(judge, namespace)
    AGENT._pristine = Pristine()  # which restores AGENT too
