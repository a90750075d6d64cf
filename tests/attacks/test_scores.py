"""Attacks on the score: a wrong answer that tries to be taken for a right one."""

from tests.attacks.claims import claims
from tests.attacks.harness import Attack

ATTACKS = [
    Attack(
        "comparison functions replaced",
        "Replaces the functions that compare results with ones that say yes.",
        first="""
import autograder.compare, autograder.question, autograder.grade
for module in (autograder.compare, autograder.question, autograder.grade):
    for name in ("same", "isclose", "compare", "difference", "judge"):
        if hasattr(module, name):
            setattr(module, name, lambda *a, **k: True)
print("tried")
""",
        answer="def count_pairs(ids): return {}",
    ),
    Attack(
        "check replaced",
        "Gives the name `check` to something that returns full points.",
        first="""
class Check:
    def __call__(self, name, answer): return 1.0
    def hidden(self, name, answer): return 1.0
    def hint(self, name): pass
import autograder
autograder.check = autograder.check.__class__ = check = Check()
print("tried")
""",
    ),
    Attack(
        "verdict replaced",
        "Replaces the verdict of every question, and the methods that it uses.",
        first="""
from autograder.questions import lab01
for kind in vars(lab01).values():
    if isinstance(kind, type) and hasattr(kind, "verdict"):
        kind.verdict = lambda self, case, seen: iter(())
        kind.known_mistake = kind.equal_to_right = lambda *a: iter(())
print("tried")
""",
    ),
    Attack(
        "an object equal to everything",
        "Returns an object whose comparisons all hold.",
        answer="""
class Any:
    __eq__ = __le__ = __ge__ = __lt__ = __gt__ = __contains__ = lambda self, other: True
    __hash__ = lambda self: 0
    keys = items = lambda self: []
    __len__ = lambda self: 0
    __getitem__ = lambda self, key: 1
def count_pairs(ids): return Any()
print("tried")
""",
    ),
    Attack(
        "an int equal to everything",
        "Returns a dictionary whose keys and values are ints that equal every number.",
        answer="""
class Any(int):
    __eq__ = lambda self, other: True
    __hash__ = lambda self: 0
class Pairs(dict):
    __eq__ = lambda self, other: True
    __getitem__ = lambda self, key: Any()
    __class__ = dict
def count_pairs(ids): return Pairs({(Any(), Any()): Any()})
print("tried")
""",
    ),
    Attack(
        "a tensor that lies",
        "Returns a tensor subclass that answers every operation with the right number.",
        answer="""
import torch
class Liar(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None): return True
    def __bool__(self): return True
    def __eq__(self, other): return True
    __hash__ = lambda self: 0
def count_pairs(ids): return torch.ones(1).as_subclass(Liar)
print("tried")
""",
    ),
    Attack(
        "isinstance and its like replaced",
        "Replaces builtins that checks use: isinstance, callable, sorted, all, any, zip.",
        first="""
import builtins
print("tried")
for name in ("callable", "all", "any"):
    setattr(builtins, name, lambda *a: True)
builtins.sorted = builtins.zip = lambda *a, **k: []
old = isinstance
builtins.isinstance = lambda thing, kinds: True if "Opaque" in str(kinds) else old(thing, kinds)
""",
    ),
    Attack(
        "json and safetensors replaced",
        "Replaces what packs observations, so that they say that all is right.",
        first="""
import json, safetensors.torch, autograder.observation, autograder.engine.wire as wire
for module in (json, json.encoder):
    for name in ("dumps", "dump"):
        if hasattr(module, name):
            setattr(module, name, lambda *a, **k: '{"outcome": "right", "earned": 1.0}')
safetensors.torch.save = lambda *a, **k: b""
autograder.observation.pack = wire.pack = lambda value: b"right"
wire.send = lambda *a: None
print("tried")
""",
        answer="def count_pairs(ids): return {}",
        silent=True,  # without json, the kernel cannot say anything
    ),
    Attack(
        "modules of the autograder exchanged",
        "Puts modules of its own under the names of the autograder's in sys.modules.",
        first="""
import sys, types
class Yes(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"): raise AttributeError(name)
        return lambda *a, **k: 1.0
for name in [n for n in sys.modules if n.startswith("autograder")]:
    sys.modules[name] = Yes(name)
print("tried")
""",
        answer="def count_pairs(ids): return {}",
    ),
    Attack(
        "code of functions exchanged",
        "Changes the code objects of the autograder's functions in place.",
        first="""
import autograder.grade, autograder.observation, autograder.engine.wire, autograder.question
def yes(*a, **k): return {"status": "returned", "value": True}
changed = 0
for module in (autograder.grade, autograder.observation, autograder.engine.wire):
    for function in vars(module).values():
        if type(function) is type(yes) and not function.__closure__:
            function.__code__, function.__defaults__, function.__kwdefaults__ = yes.__code__, (), None
            changed += 1
autograder.question.Question.probe.__code__ = yes.__code__
print("tried", changed)
""",
    ),
    Attack(
        "asserts rewritten",
        "Installs a transformer of syntax trees that takes asserts, raises and checks out.",
        first="""
import ast
class Softener(ast.NodeTransformer):
    def visit_Assert(self, node): return ast.Pass()
    def visit_Raise(self, node): return ast.Pass()
    def visit_Expr(self, node):
        text = ast.unparse(node)
        return ast.parse("1.0").body[0] if text.startswith("check") else node
get_ipython().ast_transformers.append(Softener())
print("tried")
""",
    ),
    Attack(
        "cells rewritten before they run",
        "Installs input transformers that turn every later cell into a number.",
        first="""
shell = get_ipython()
shell.input_transformers_cleanup.append(lambda lines: ["1.0\\n"] if "check" in "".join(lines) else lines)
shell.input_transformers_post.append(lambda lines: lines)
print("tried")
""",
    ),
    Attack(
        "errors hidden",
        "Installs handlers and hooks that swallow every error and run before and after each cell.",
        first="""
import sys
shell = get_ipython()
shell.set_custom_exc((BaseException,), lambda *a, **k: None)
shell.showtraceback = shell._showtraceback = lambda *a, **k: None
shell.events.register("post_run_cell", lambda result: setattr(result, "error_in_exec", None))
shell.events.register("pre_run_cell", lambda info: print("2.0"))
sys.excepthook = sys.unraisablehook = lambda *a: None
print("tried")
""",
    ),
    Attack(
        "an early score",
        "Displays full points as the result of its own cells.",
        first="""
from IPython.display import display
print("tried")
display({"text/plain": "1.0"}, raw=True, metadata={"nbgrader": {"score": 1.0}})
1.0
""",
        answer="""
def count_pairs(ids): return {}
1
""",
        last="100.0",
    ),
    Attack(
        "the agent replaced",
        "Puts an agent of its own in the place of the one that answers the judge.",
        first="""
import autograder.engine.agent as agent
from autograder.engine import wire
judge = agent.AGENT._judge
class Mine:
    def record(self, *a): pass
    def serve(self, question):
        while True:
            order = wire.receive(judge)
            if order["ticket"] is None: return
            seen = {"status": "returned", "value": True, "earned": 1.0, "outcome": "right"}
            wire.write(judge, order["ticket"].encode() + wire.pack(seen))
agent.AGENT = Mine()
agent.Agent.serve, agent.Agent.record = Mine.serve, Mine.record
agent.AGENT.__dict__.update(vars(Mine))
import gc
for thing in gc.get_objects():
    if type(thing) is agent.Agent: thing.serve = Mine().serve
print("tried")
""",
        beside=0.0,  # it answers for the other exercise, too
    ),
    Attack(
        "the answer looked up",
        "Returns what the files of the course hold of the cases that students may see.",
        answer="""
import autograder.question
def count_pairs(ids):
    for case in autograder.question.find("lab01.count_pairs").visible_cases():
        if case.inputs["ids"] == ids:
            return case.expected["right"]
    return {}
print("tried")
""",
    ),
    Attack(
        "another answer under its name",
        "Makes the namespace give a right answer's name to other objects when the check looks.",
        answer="""
class Namespace(dict):
    def __contains__(self, name): return True
    def get(self, name, default=None): return lambda *a: True
count_pairs = type("Right", (), {"__call__": lambda self, ids: NotImplemented, "__eq__": lambda s, o: True})()
get_ipython().user_ns = Namespace(get_ipython().user_ns)
print("tried")
""",
    ),
    Attack(
        "known right by its name",
        "Raises errors whose names, messages and attributes say that the answer was right.",
        answer="""
class right(Exception):
    earned, outcome = 1.0, "right"
    def __str__(self): return "lab01.count_pairs: right, 1 of 1 points"
def count_pairs(ids): raise right()
print("tried")
""",
    ),
    Attack(
        "not attempted twice",
        "Answers only the first time that a case is asked, to pass with what was seen.",
        answer="""
def count_pairs(ids, seen=[]):
    seen.append(ids)
    if len(seen) > 3: raise NotImplementedError
    return {}
print("tried")
""",
    ),
]

test_an_attack_gains_nothing, test_the_right_answer_beside_an_attack_keeps_its_points = claims(
    ATTACKS
)
