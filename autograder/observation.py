"""What a probe saw, as plain data that can cross to another process: JSON plus safetensors.

A *frame* is `length (8 bytes, big endian) | JSON | safetensors`. Nothing in it is ever unpickled, so
whoever reads one needs no trust in whoever wrote it.
"""

import json
import math
from dataclasses import dataclass

import safetensors.torch
import torch

MAX_DEPTH = 20
MAX_ITEMS = 200_000  # of a frame that is read
MAX_JSON = 16 << 20  # bytes of it
MAX_TEXT = 200  # characters kept of the repr of a value that is no plain data


@dataclass(frozen=True)
class Opaque:
    """Stands for a value that is no plain data: the name of its type and the start of its repr."""

    type: str
    text: str


def pack(value) -> bytes:
    """One frame that holds `value`.

    None, bool, int, float, str, bytes, list, tuple, set, dict (any plain keys) and dense
    `torch.Tensor` come back from `unpack` as they are, tensors detached and on the CPU; any other
    value comes back as `Opaque`.
    """
    tensors: dict[str, torch.Tensor] = {}
    # ASCII escapes keep lone surrogates, which UTF-8 has no form for.
    head = json.dumps(_to_json(value, tensors, 0), allow_nan=False).encode("ascii")
    return len(head).to_bytes(8, "big") + head + safetensors.torch.save(tensors)


def unpack(frame: bytes):
    """The value in a frame made by `pack`. Raises `ValueError` where it is not one."""
    size = int.from_bytes(frame[:8], "big")
    if len(frame) < 8 + size:
        raise ValueError("the frame ends before its JSON does")
    if size > MAX_JSON:
        raise ValueError(f"its JSON has {size} bytes")
    try:
        tree = json.loads(frame[8 : 8 + size])
        if _count(tree) > MAX_ITEMS:
            raise ValueError("it holds too many items")
        return _from_json(tree, safetensors.torch.load(frame[8 + size :]), 0)
    except (ArithmeticError, LookupError, RecursionError, RuntimeError, TypeError, AttributeError,
            MemoryError, safetensors.SafetensorError) as error:  # fmt: skip
        raise ValueError(f"not a frame: {error}") from error


def to_text(value) -> str:
    """The same plain data as a line of JSON, tensors as lists: for small things kept in files."""
    return json.dumps(_to_json(value, None, 0), allow_nan=False)


def from_text(text: str):
    """The value in a text made by `to_text`."""
    return _from_json(json.loads(text), None, 0)


def tensor_facts(value) -> dict:
    """What a check wants to know of a tensor, or of whatever came in its place."""
    facts = {"kind": type_name(value), "value": value}
    if isinstance(value, torch.Tensor):
        facts |= {
            "kind": "torch.Tensor",
            "dtype": str(value.dtype),
            "device": value.device.type,
            "requires_grad": value.requires_grad,
        }
    return facts


def type_name(value) -> str:
    """`list`, `numpy.ndarray`, …: the type of a value as a student would write it."""
    kind = type(value)
    hidden = kind.__module__ in ("builtins", "__main__")
    return kind.__qualname__ if hidden else f"{kind.__module__}.{kind.__qualname__}"


def _to_json(value, tensors: dict | None, depth: int):
    if depth > MAX_DEPTH:
        return _opaque(value)
    inner = depth + 1
    # Exact types: an int or str of the student's own making is not plain data.
    match type(value):
        case kind if value is None or kind in (bool, int, str):
            return value
        case kind if kind is float:
            return value if math.isfinite(value) else {"$": "float", "text": repr(value)}
        case kind if kind is Opaque:
            return {"$": "object", "type": value.type, "text": value.text}
        case kind if kind is bytes:
            return {"$": "bytes", "hex": value.hex()}
        case kind if kind is list:
            return [_to_json(item, tensors, inner) for item in value]
        case kind if kind in (tuple, set):
            items = value if kind is tuple else sorted(value, key=repr)
            return {"$": kind.__name__, "items": [_to_json(item, tensors, inner) for item in items]}
        case kind if isinstance(value, dict) and kind.__module__ in ("builtins", "collections"):
            pairs = [
                [_to_json(k, tensors, inner), _to_json(v, tensors, inner)] for k, v in value.items()
            ]
            return {"$": "dict", "items": pairs}
        case _ if isinstance(value, torch.Tensor) and value.layout == torch.strided:
            if value.is_quantized or value.is_meta:
                return _opaque(value)
            if tensors is None:
                kind = str(value.dtype).removeprefix("torch.")
                shape, data = list(value.shape), value.flatten().tolist()
                if value.is_floating_point():  # seven digits are what float32 holds
                    data = [_to_json(float(f"{x:.7g}"), None, inner) for x in data]
                return {"$": "tensor", "dtype": kind, "shape": shape, "data": data}
            key = str(len(tensors))
            tensors[key] = value.detach().cpu().contiguous().clone()
            return {"$": "tensor", "key": key}
        case _:
            return _opaque(value)


def _opaque(value) -> dict:
    try:
        text = repr(value)[:MAX_TEXT]
    except Exception as error:
        text = f"<its repr raised {type(error).__name__}>"
    return {"$": "object", "type": type_name(value), "text": text}


def _count(tree) -> int:
    """How many values a tree of JSON holds."""
    total, waiting = 0, [tree]
    while waiting:
        value = waiting.pop()
        total += 1
        if isinstance(value, (list, dict)):
            waiting.extend(value.values() if isinstance(value, dict) else value)
    return total


def _from_json(tree, tensors: dict | None, depth: int):
    if depth > 2 * MAX_DEPTH:
        raise ValueError("the frame is nested too deeply")
    inner = depth + 1
    if isinstance(tree, list):
        return [_from_json(item, tensors, inner) for item in tree]
    if not isinstance(tree, dict):
        return tree
    match tree["$"]:
        case "float":
            return float(tree["text"])
        case "bytes":
            return bytes.fromhex(tree["hex"])
        case "tuple":
            return tuple(_from_json(item, tensors, inner) for item in tree["items"])
        case "set":
            return {_from_json(item, tensors, inner) for item in tree["items"]}
        case "dict":
            return {
                _from_json(k, tensors, inner): _from_json(v, tensors, inner)
                for k, v in tree["items"]
            }
        case "tensor" if tensors is None:
            data = [_from_json(item, tensors, inner) for item in tree["data"]]
            flat = torch.tensor(data, dtype=getattr(torch, tree["dtype"]))
            return flat.reshape(tree["shape"])
        case "tensor":
            return tensors[tree["key"]]
        case "object":
            return Opaque(str(tree["type"])[:MAX_TEXT], str(tree["text"])[:MAX_TEXT])
        case other:
            raise ValueError(f"not a frame: it holds an unknown kind {other!r}")
