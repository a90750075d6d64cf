"""Attacks on the judge's socket: frames that are forged, broken, too large, too many or too late."""

from autograder.engine.execute import Budget
from tests.attacks.claims import claims
from tests.attacks.harness import Attack

SOCKET = """
import json, os, socket, sys
import autograder.engine.agent as agent
from autograder.engine import wire
judge = agent.AGENT._judge
def frame(tree, tensors=b"\\x02\\0\\0\\0\\0\\0\\0\\0{}", ticket="0" * 16):
    head = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
    body = ticket.encode() + len(head).to_bytes(8, "big") + head + tensors
    return len(body).to_bytes(8, "big") + body
def dictionary(**items): return {"$$": "dict", "items": [[k, v] for k, v in items.items()]}
"""
SHORT = Budget(cell=15, call=3, submission=120)

ATTACKS = [
    Attack(
        "frames before they are asked for",
        "Writes observations and reports to the judge's socket before any question is asked.",
        first=SOCKET
        + """
for ticket in ("", "0" * 16, None, True, 0):
    right = dictionary(ticket=ticket, earned=1.0, status="returned", value=dictionary())
    judge.sendall(frame(right, ticket=str(ticket)))
judge.sendall(frame(dictionary(interrupt=True, alive=True, earned=1.0)))
print("tried")
""",
    ),
    Attack(
        "frames with other tickets",
        "Answers each case with frames whose tickets are wrong, old or of other types.",
        answer=SOCKET
        + """
def count_pairs(ids):
    for ticket in ("", "None", "f" * 16, "\\0" * 16, "1" * 1000):
        judge.sendall(frame(dictionary(status="returned", value=dictionary()), ticket=ticket))
    return {}
print("tried")
""",
    ),
    Attack(
        "malformed frames",
        "Sends frames that are no JSON, unknown kinds, wrong keys, dtypes and tensors that are missing.",
        answer=SOCKET
        + """
BAD = [b"", b"[", b"{}", b"null", b'{"$$": 1}', b'{"$$": "tensor"}', b'{"$$": "dict", "items": [[[], 1]]}',
       b'{"$$": "set", "items": [[1]]}', b'{"$$": "object"}', b"\\xff\\xfe", b'{"$$": "float", "text": "x"}',
       b"1e999999", b"9" * 10000, b'"\\\\ud800"']
def count_pairs(ids):
    sent = sys._getframe(1)
    while "order" not in sent.f_locals: sent = sent.f_back  # the judge's, with its ticket
    bad = BAD[len(ids) % len(BAD)]
    judge.sendall(frame(bad, b"\\xff" * 20 if len(ids) % 2 else b"", sent.f_locals["order"]["ticket"]))
    return {}
print("tried")
""",
    ),
    Attack(
        "a frame too large",
        "Announces a frame of 2**60 bytes, and sends a little of it.",
        answer=SOCKET
        + """
def count_pairs(ids):
    judge.sendall((2**60).to_bytes(8, "big") + b"x" * 1000)
    return {}
print("tried")
""",
        budget=SHORT,
    ),
    Attack(
        "a frame nested deeply",
        "Returns and sends values nested a hundred thousand levels deep.",
        answer=SOCKET
        + """
def count_pairs(ids):
    if len(ids) % 2: judge.sendall(frame(b"[" * 100000 + b"]" * 100000))
    value = {}
    for _ in range(100000): value = {(1, 2): value}
    return value
print("tried")
""",
    ),
    Attack(
        "many items in a frame",
        "Returns lists of millions of items, and texts of many megabytes.",
        answer="""
def count_pairs(ids):
    return [0] * 3_000_000 if len(ids) % 2 else {"x" * 20_000_000: 1}
print("tried")
""",
    ),
    Attack(
        "half a frame",
        "Sends half a frame and then nothing.",
        answer=SOCKET
        + """
import time
def count_pairs(ids):
    judge.sendall((100).to_bytes(8, "big") + b"x" * 50)
    time.sleep(100)
print("tried")
""",
        budget=SHORT,
    ),
    Attack(
        "a flood of frames",
        "Sends frames to the judge without end, from a thread.",
        answer=SOCKET
        + """
import threading, time
def flood():
    junk = frame(dictionary(ticket="no", observation=[0] * 1000)) * 50
    while True: judge.sendall(junk)
def count_pairs(ids):
    threading.Thread(target=flood, daemon=True).start()
    time.sleep(100)
print("tried")
""",
        budget=SHORT,
    ),
    Attack(
        "the judge not read",
        "Takes no frame off the socket, so that the judge's sending could block.",
        answer=SOCKET
        + """
import time
agent.Pristine.restore = lambda self: None
agent.Agent.serve = lambda self, question: time.sleep(100) if "count" in question else original(self, question)
def count_pairs(ids): return {}
print("tried")
""",
        first="""
import autograder.engine.agent as agent
original = agent.Agent.serve
""",
        budget=SHORT,
    ),
    Attack(
        "statuses of its own making",
        "Sends statuses, errors and lines that no probe gives, and values that no verdict foresees.",
        answer=SOCKET
        + """
import autograder.grade
values = [None, True, "right", {"status": "right"}, [], 0, float("nan"), float("inf"), -0.0, 10**4000, b"x",
          {("a",): 1}, {1: 1, True: 2}, {float("nan"): 1}, [[]], {(1, 2): True}, {(1, 2): 1.0}]
def observe(question, answer, case):
    if not hasattr(observe, "n"): observe.n = 0
    observe.n += 1
    status = ["right", "returned", "raised", None, 7, ["returned"], {}, "not callable"][observe.n % 8]
    return {"status": status, "value": values[observe.n % len(values)], "error": values[observe.n % 3],
            "line": (10**9, "x" * 1000), "message": ["x"], "type": {"a": 1}, "earned": 1.0}
agent.observe = autograder.grade.observe = observe
agent.Pristine.restore = lambda self: None
agent.find = lambda name: None
def count_pairs(ids): return {}
print("tried")
""",
        beside=0.0,  # the other exercise is answered so, too
    ),
    Attack(
        "shapes and dtypes of odd tensors",
        "Returns tensors that are empty, huge in shape, complex, sparse, quantised, meta or NaN.",
        answer="""
import torch
odd = [torch.empty(0, 2**40), torch.full((3,), float("nan")), torch.zeros(2, dtype=torch.complex64),
       torch.zeros(3).to_sparse(), torch.empty(9, device="meta"), torch.zeros(1).expand(2**30),
       torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.quint8), torch.zeros(2, dtype=torch.float8_e5m2),
       torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]), torch.nn.Parameter(torch.ones(1))]
def count_pairs(ids): return odd[len(ids) % len(odd)]
print("tried")
""",
    ),
    Attack(
        "a value that fights its reading",
        "Returns and raises objects whose repr, str, name or length raise, loop or never end.",
        answer="""
class Fighter:
    def __repr__(self): raise SystemExit("no")
    __str__ = __len__ = __iter__ = __bool__ = __repr__
class Endless(dict):
    __module__ = "builtins"
    def items(self):
        while True: yield 1, 1
class Bad(Exception):
    def __str__(self): raise KeyboardInterrupt
def count_pairs(ids):
    if len(ids) % 3 == 0: return Fighter()
    if len(ids) % 3 == 1: return [Endless()]
    raise Bad
print("tried")
""",
        budget=SHORT,
    ),
    Attack(
        "the socket closed",
        "Closes the judge's socket and puts another one under its number.",
        answer=SOCKET
        + """
def count_pairs(ids):
    mine, other = socket.socketpair()
    os.dup2(mine.fileno(), judge.fileno())
    return {}
print("tried")
""",
        budget=SHORT,
    ),
]

test_an_attack_gains_nothing, test_the_right_answer_beside_an_attack_keeps_its_points = claims(
    ATTACKS
)
