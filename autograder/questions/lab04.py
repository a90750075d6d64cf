"""lab04_attention: how does a token look at the others?"""

import copy
import math
from collections.abc import Iterator
from dataclasses import replace
from random import Random

import torch

from autograder.compare import isclose
from autograder.handwritten import ATTENTION, SOFTMAX, HandWritten
from autograder.observation import tensor_facts, type_name
from autograder.probing import call, fill, influence
from autograder.question import Case, Finding, Question, kind_of, shorten, with_article

SIGMAS = 5  # how far a count or a mean may lie from what is expected of it
COPIES = 400  # of one sequence, over which the mean of dropout is taken


def normal(rng: Random, *shape: int, scale: float = 1.0) -> torch.Tensor:
    """Normal numbers with two digits: the same on every machine."""
    numbers = [round(rng.gauss(0, scale), 2) for _ in range(math.prod(shape))]
    return torch.tensor(numbers).reshape(shape)


def causal(rows: int, columns: int | None = None, diagonal: int = 0) -> torch.Tensor:
    """The causal mask; with `diagonal` it ends that many columns further to the right."""
    return torch.ones(rows, columns or rows, dtype=torch.bool).tril(diagonal)


def lengths(*real: int, time: int) -> torch.Tensor:
    """The mask (batch, 1, 1, time) of rows that have so many tokens before their padding."""
    return (torch.arange(time) < torch.tensor(real)[:, None])[:, None, None, :]


def direction(shape: torch.Size) -> torch.Tensor:
    """Fixed numbers of both signs: a gradient is taken of the result's product with them."""
    return torch.arange(math.prod(shape), dtype=torch.float32).mul(1.7).cos().reshape(shape)


def gradient(result, *of: torch.Tensor) -> list[torch.Tensor] | None:
    """The gradients of a result, or None where there is none to take."""
    if not isinstance(result, torch.Tensor) or not result.requires_grad:
        return None
    taken = torch.autograd.grad(result, of, direction(result.shape).to(result), allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for g, x in zip(taken, of)]


def leaks(reach) -> tuple[int, int] | None:
    """The first output position that moves with a later input position, and that one."""
    if not isinstance(reach, list):
        return None
    return next(
        ((t, s) for t, row in enumerate(reach) for s, moved in enumerate(row) if s > t and moved),
        None,
    )


class TensorAnswer(HandWritten):
    """A hand-written function that returns one tensor.

    `belongs` names the aspect of those known mistakes that decide another than their case's first.
    """

    belongs: dict[str, str] = {}
    advice = ""

    def attempt(self, answer, inputs):
        return self.attempt_once(answer, inputs)

    def attempt_once(self, answer, inputs: dict, device: str = "cpu") -> dict | None:
        """One call and what it returned."""
        arguments = copy.deepcopy(list(inputs.values()))
        result = answer(*(on_device(value, device) for value in arguments))
        return None if result is None else tensor_facts(result)

    def findings(self, case, seen):
        yield from self.tensor_findings(case, seen, case.expected["right"])

    def tensor_findings(self, case, facts, right, what="", known=None) -> Iterator[Finding]:
        for finding in super().tensor_findings(case, facts, right, what, known):
            name = next((n for n, words in self.mistakes.items() if words == finding.message), None)
            aspect = self.belongs.get(name, finding.aspect)
            if finding.message.endswith(("wrong values.", "holds NaN.")):
                finding = replace(finding, message=finding.message + self.advice)
            yield replace(finding, aspect=aspect if aspect in case.aspects else finding.aspect)

    def elsewhere(self, answer, inputs: dict) -> dict:
        """What an answer does with bfloat16 inputs, with the same in float32, and on the GPU."""
        seen = self.attempt_once(answer, inputs)
        if seen is None:
            return None
        precise = {name: as_float32(value) for name, value in inputs.items()}
        seen["float32"] = self.attempt_once(answer, precise)
        seen["gpu"] = None
        if gpu_in_use():
            seen["gpu"] = self.attempt_once(answer, precise, device="cuda")
        return seen

    def elsewhere_findings(self, case, seen: dict) -> Iterator[Finding]:
        """Findings where bfloat16 or the GPU gives other results than float32 on the CPU does."""
        aspect, value, gpu = case.aspects[0], seen["value"], seen["gpu"]
        right = seen["float32"]["value"]
        if not isinstance(value, torch.Tensor) or not isinstance(right, torch.Tensor):
            yield from self.tensor_findings(case, seen, case.expected["right"])
        elif value.dtype != torch.bfloat16:
            message = (
                f"bfloat16 inputs gave {value.dtype}: the result keeps the dtype of the inputs."
            )
            yield Finding(aspect, message)
        elif value.shape != right.shape or not (
            (value.float() - right).abs().max() <= 0.1 * right.abs().max()
        ):
            yield Finding(aspect, "With bfloat16 inputs the values are not those of float32.")
        elif gpu and gpu.get("device") != "cuda":
            yield Finding(aspect, "The inputs are on the GPU, and the result is not.")
        elif gpu and not isclose(gpu["value"], right, "cuda").all():
            yield Finding(aspect, "On the GPU the values are not those of the CPU.")


def gpu_in_use() -> bool:
    """Whether the lab computes on a GPU; where it does not, none is woken up for a check."""
    return torch.cuda.is_available() and torch.cuda.is_initialized()


def as_float32(value):
    """Tensors of floats in float32, also in a dictionary; anything else as it is."""
    if isinstance(value, dict):
        return {name: as_float32(item) for name, item in value.items()}
    floats = isinstance(value, torch.Tensor) and value.is_floating_point()
    return value.float() if floats else value


def on_device(value, device: str):
    """Tensors on a device; anything else as it is."""
    return value.to(device) if isinstance(value, torch.Tensor) else value


# --- attention_scores


class AttentionScores(TensorAnswer):
    name = "lab04.attention_scores"
    aspects = {"products": 1, "scale": 0.75, "dtype": 0.25}
    needs = {"scale": "products", "dtype": "products"}
    hints = (
        "One score is the product of one query with one key. Which operation takes all these products "
        "at once, and which two axes of k must change places for it?",
        "q @ k.transpose(-2, -1) multiplies along the last axis of both, and leaves the axes in front "
        "alone. The head width is the length of the last axis.",
        "q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])",
    )
    mistakes = {
        "not scaled": "The scores are not scaled: divide them by the square root of the head width.",
        "by time": "The scores are divided by the square root of the length of the time axis: divide "
        "by the square root of the head width, the last axis.",
        "by the number of keys": "The scores are divided by the square root of the number of keys: "
        "divide by the square root of the head width, the last axis.",
        "without the root": "The scores are divided by the head width itself: divide by its square root.",
        "multiplied": "The scores are multiplied by the square root of the head width: divide by it.",
        "by d_model": "The scores are divided by the square root of heads × head width: only the "
        "width of one head counts.",
        "by the number of heads": "The scores are divided by the square root of the number of heads: "
        "divide by that of the head width, the last axis.",
        "fourth root": "The scores are divided by the fourth root of the head width: the root was "
        "taken twice.",
        "turned round": "Rows and columns have changed places: a row of the scores is a query, a "
        "column is a key.",
        "elementwise": "Each query met only the key at its own position (q * k): every query meets "
        "every key.",
        "along time": "The products are summed along the time axis: sum along the head width, so that "
        "there is one score for each pair of positions.",
        "heads mixed": "The products were also summed over the heads: each head has its own scores.",
        "softmax": "Softmax was applied already: the scores are what goes into it.",
    }
    belongs = dict.fromkeys(
        ["not scaled", "by time", "by the number of keys", "without the root", "multiplied",
         "by d_model", "by the number of heads", "fourth root"], "scale",
    )  # fmt: skip

    def cases(self):
        rng, both = Random(401), ("products", "scale")
        yield Case(
            "three heads", both, {"q": normal(rng, 2, 3, 5, 8), "k": normal(rng, 2, 3, 5, 8)}
        )
        yield Case(
            "more keys than queries",
            both,
            {"q": normal(rng, 2, 3, 2, 7), "k": normal(rng, 2, 3, 6, 7)},
        )
        yield Case("no batch, no heads", both, {"q": normal(rng, 3, 2), "k": normal(rng, 4, 2)})
        low = {"q": normal(rng, 3, 4, 8).bfloat16(), "k": normal(rng, 3, 5, 8).bfloat16()}
        yield Case("bfloat16", ("dtype",), low)

    def attempt(self, answer, inputs):
        low = inputs["q"].dtype == torch.bfloat16
        return self.elsewhere(answer, inputs) if low else super().attempt(answer, inputs)

    def findings(self, case, seen):
        if case.aspects == ("dtype",):
            yield from self.elsewhere_findings(case, seen)
            return
        for finding in super().findings(case, seen):
            known = finding.message in self.mistakes.values()
            yield finding if known else self._scaled_wrongly(case, seen["value"]) or finding

    def _scaled_wrongly(self, case, value) -> Finding | None:
        """A finding where the scores are the right ones times a number."""
        right = case.expected["right"]
        if not isinstance(value, torch.Tensor) or value.shape != right.shape:
            return None
        ratio = ((value * right).sum() / (right * right).sum()).item()
        if not ratio or not isclose((value / ratio).to(right), right).all():
            return None
        message = (
            "The products are right, the scale is not: divide by the square root of the head width."
        )
        detail = f"{case.name}: the scores are {ratio:.3g} times what they should be"
        return Finding("scale", message, detail)


# --- causal_mask and apply_mask


class CausalMask(TensorAnswer):
    name = "lab04.causal_mask"
    aspects = {"triangle": 0.5, "dtype": 0.25, "device": 0.25}
    needs = {"dtype": "triangle", "device": "triangle"}
    hints = (
        "Row t says where the query at position t may look. Write the rows for time = 3 on paper: "
        "which entries are True?",
        "A position may look at itself and at what came before it: True where the key's position is "
        "at most the query's. torch.arange gives positions, torch.ones and tril give triangles.",
        "positions = torch.arange(time, device=device); compare positions[:, None] >= positions[None, :]",
    )
    mistakes = {
        "upper triangle": "The mask is transposed: it allows the future and blocks the past. Row t is "
        "the query, column s the key, and s <= t is allowed.",
        "True is blocked": "The mask is True where a look is blocked: in this lab True means may look.",
        "not itself": "The mask is off by one: a position cannot look at itself. The diagonal is allowed.",
        "one ahead": "The mask is off by one: each position can look one step into the future.",
        "everything": "The mask blocks nothing: the future must be False.",
        "nothing": "The mask blocks everything: a position may look at itself and at the past.",
        "only itself": "Each position can look only at itself: the past is allowed, too.",
    }

    def cases(self):
        yield Case("4 positions", ("triangle",), {"time": 4})
        yield Case("1 position", ("triangle",), {"time": 1})
        yield Case("True and False", ("dtype",), {"time": 3})
        # "meta" is torch's device without data: every machine has it.
        yield Case("another device", ("device",), {"time": 3, "device": "meta"})

    def attempt(self, answer, inputs):
        if "device" not in inputs:
            return super().attempt(answer, inputs)
        result = answer(inputs["time"], device=torch.device(inputs["device"]))
        return None if result is None else tensor_facts(result)

    def result(self, case, seen):
        return seen["value"] if "device" in case.inputs else _allowed(seen["value"])

    def findings(self, case, seen):
        right, aspect, value = case.expected["right"], case.aspects[0], seen["value"]
        if aspect == "device":
            if seen["kind"] != "torch.Tensor":
                yield from self.tensor_findings(case, seen, right)
            elif seen["device"] != case.inputs["device"]:
                found, wanted = seen["device"], case.inputs["device"]
                message = f"The mask was made on {found} though device is {wanted}: pass device on."
                yield Finding(aspect, message)
        elif aspect == "dtype":
            if isinstance(value, torch.Tensor) and value.dtype != torch.bool:
                message = (
                    f"The mask has dtype {value.dtype}, expected torch.bool, True for may look."
                )
                if value.is_floating_point() and value.isinf().any():
                    message = (
                        "This is an additive mask (0 and -inf): here a mask is boolean, True for "
                        "may look, and apply_mask puts the -inf in."
                    )
                yield Finding(aspect, message)
            elif not isinstance(value, torch.Tensor):
                yield from self.tensor_findings(case, seen, right)
        else:
            yield from self.tensor_findings(case, seen | {"value": _allowed(value)}, right)


def _allowed(mask):
    """The mask as booleans, also where it was written as 1 and 0, or as 0 and -inf."""
    if not isinstance(mask, torch.Tensor) or mask.dtype == torch.bool:
        return mask
    return mask == 1 if (mask == 1).any() else mask == 0


class ApplyMask(TensorAnswer):
    name = "lab04.apply_mask"
    aspects = {"blocked": 1, "broadcasting": 0.5, "input kept": 0.25, "gradient": 0.25}
    needs = {"broadcasting": "blocked", "input kept": "blocked", "gradient": "blocked"}
    hints = (
        "Softmax takes exp of each score. Which score becomes exactly 0 under exp?",
        "scores.masked_fill(condition, value) gives a new tensor in which value stands where the "
        "condition is True. Your mask is True where a look is allowed: what is its opposite?",
        'scores.masked_fill(~mask, float("-inf"))',
    )
    mistakes = {
        "inverted": "The mask is used the wrong way round: True means may look, so -inf goes where it is "
        "False.",
        "zeros": "Blocked scores became 0: exp(0) is 1, so softmax would still look there. Use -inf.",
        "added": "The mask was added as 0 and 1: blocked scores must become -inf.",
        "NaN": "Scores that may be looked at became NaN: 0 × -inf is NaN. Use masked_fill or torch.where.",
        "transposed": "The mask is transposed: its rows are queries and its columns are keys, as in the "
        "scores.",
        "plus infinity": "Blocked scores became +inf: they must become -inf.",
        "unchanged": "The scores came back as they were. (masked_fill and torch.where return a new "
        "tensor: keep it.)",
    }

    def cases(self):
        rng = Random(402)
        block = {"scores": normal(rng, 2, 3, 4, 4), "mask": causal(4)}
        yield Case("a causal mask", ("blocked",), block)
        rows = torch.tensor([[True, False, True], [False, False, False]])
        yield Case(
            "a row that may look at nothing",
            ("blocked",),
            {"scores": normal(rng, 2, 3), "mask": rows},
        )
        yield Case(
            "a padding mask",
            ("broadcasting",),
            {"scores": normal(rng, 2, 3, 4, 5), "mask": lengths(5, 2, time=5)},
        )
        small = {"scores": normal(rng, 1, 2, 3, 3), "mask": causal(3)}
        yield Case("the scores afterwards", ("input kept",), small)
        yield Case("the way back", ("gradient",), small)

    def attempt(self, answer, inputs):
        leaf = inputs["scores"].clone().requires_grad_()
        scores, mask = leaf * 1, inputs["mask"].clone()
        result = answer(scores, mask)
        if result is None:
            return None
        kept = torch.equal(scores, leaf) and torch.equal(mask, inputs["mask"])
        return tensor_facts(result) | {"kept": kept, "gradient": gradient(result, leaf)}

    def findings(self, case, seen):
        aspect, value, right = case.aspects[0], seen["value"], case.expected["right"]
        if aspect == "input kept":
            if not seen["kept"]:
                message = (
                    "The scores that were passed in have changed: return a new tensor "
                    "(masked_fill without the underscore)."
                )
                yield Finding(aspect, message)
        elif aspect == "gradient":
            yield from self._gradient(case, seen)
        elif _large_instead_of_infinite(value, right):
            message = (
                "Blocked scores became a large negative number: write -inf. Where a row is blocked "
                "everywhere, large numbers cancel in softmax, and the row looks at everything."
            )
            yield Finding(aspect, message, case.name)
        else:
            yield from self.tensor_findings(case, seen, right)

    def _gradient(self, case, seen):
        (aspect,), mask = case.aspects, case.inputs["mask"]
        if seen["gradient"] is None:
            yield Finding(
                aspect, "The result has no gradient: compute with torch's operations only."
            )
            return
        scores = case.inputs["scores"]
        found, wanted = seen["gradient"][0], direction(scores.shape)
        if found.isnan().any():
            yield Finding(aspect, "The gradient holds NaN.")
        elif not isclose(found, wanted)[mask.expand_as(scores)].all():
            yield Finding(aspect, "The gradient does not reach the scores that may be looked at.")


def _large_instead_of_infinite(value, right: torch.Tensor) -> bool:
    if not isinstance(value, torch.Tensor) or value.shape != right.shape:
        return False
    blocked = right.isinf()
    large = value[blocked].isfinite() & (value[blocked] <= -1000)
    return bool(isclose(value, right.to(value))[~blocked].all() and blocked.any() and large.all())


# --- softmax


class Softmax(TensorAnswer):
    name = "lab04.softmax"
    forbids = SOFTMAX + ATTENTION
    aspects = {"weights": 1, "axis": 0.75, "large scores": 0.5, "masked rows": 0.75}
    needs = {"axis": "weights", "large scores": "weights", "masked rows": "weights"}
    hints = (
        "The formula has three steps: exp, a sum along one axis, a division. Then look at what exp does "
        "with a score of 10,000, and what you may subtract from all scores of a row without changing "
        "their weights.",
        "Subtract the largest entry along dim: x.amax(dim, keepdim=True). In a row of nothing but -inf "
        "that largest entry is -inf, and -inf - -inf is NaN: put 0 in its place there.",
        "largest = x.amax(dim, keepdim=True); largest = largest.masked_fill(largest == -inf, 0); "
        "e = torch.exp(x - largest); the sum is 0 only in a blocked row: divide by 1 there.",
    )
    mistakes = {
        "last axis": "The softmax runs along the last axis whatever dim says: use dim in amax and sum.",
        "first axis": "The softmax runs along the first axis whatever dim says: use dim in amax and sum.",
        "whole tensor": "All weights together sum to one: each row along dim has a sum of its own.",
        "no exp": "The entries were divided by their sum without exp: weights come from exp(x).",
        "log": "These are the logarithms of the weights.",
        "not divided": "The weights do not sum to one: divide by their sum along dim.",
        "overflow": "Large scores gave NaN: exp(10000) is infinite, and a row of exp(-10000) is all 0. "
        "Subtract the largest score of the row before exp.",
        "one largest": "The largest score of the whole tensor was subtracted: where a row lies far below "
        "it, every exp is 0. Subtract the largest of each row, along dim.",
        "largest along the last axis": "The largest score along the last axis was subtracted, but the "
        "sum runs along dim: both run along dim.",
        "sum along the last axis": "The sum runs along the last axis and not along dim.",
        "opposite sign": "Small scores got large weights: exp(x), not exp(-x).",
        "masked rows NaN": "A row of nothing but -inf gives NaN: -inf - -inf and 0 / 0 are NaN. Such a "
        "row must give zeros.",
        "masked rows uniform": "A row of nothing but -inf got equal weights: it may look at nothing, so "
        "all its weights are 0.",
        "unchanged": "The scores came back as they were.",
    }

    def cases(self):
        rng = Random(403)
        yield Case("three rows", ("weights",), {"x": normal(rng, 3, 4), "dim": -1})
        yield Case("dim is 1", ("axis",), {"x": normal(rng, 2, 4, 3), "dim": 1})
        yield Case("dim is 0", ("axis",), {"x": normal(rng, 4, 3), "dim": 0})
        large = torch.tensor([[1e4, 1e4 - 1, 0.0], [-1e4, -1e4 - 2, -1e4 - 1], [1.0, 0.0, 2.0]])
        yield Case("scores of ten thousand", ("large scores",), {"x": large, "dim": -1})
        nothing = -torch.inf
        rows = torch.tensor(
            [[0.5, nothing, 1.0], [nothing, nothing, nothing], [2.0, nothing, nothing]]
        )
        yield Case("a row of -inf", ("masked rows",), {"x": rows, "dim": -1})
        yield Case("a column of -inf", ("masked rows",), {"x": rows[:2].T.clone(), "dim": 0})

    def attempt(self, answer, inputs):
        leaf = inputs["x"].clone().requires_grad_()
        result = answer(leaf * 1, inputs["dim"])
        if result is None:
            return None
        return tensor_facts(result) | {"gradient": gradient(result, leaf)}

    def findings(self, case, seen):
        right, aspect = case.expected["right"], case.aspects[0]
        close = 5e-3 if aspect == "large scores" else 1e-5  # float32 keeps three digits of 10,000
        wrong = list(self.tensor_findings(case, seen, right))
        if wrong and not _within(close, seen["value"], right):
            yield from wrong
            return
        if seen["gradient"] is None:
            yield Finding(
                aspect, "The result has no gradient: compute with torch's operations only."
            )
            return
        (found,), along = seen["gradient"], case.inputs["dim"]
        g = direction(right.shape)
        wanted = right * (g - (g * right).sum(along, keepdim=True))
        if found.isnan().any():
            message = (
                "The weights are right, but their gradient is NaN: a NaN was made on the way (0 / 0 "
                "or -inf - -inf) and painted over. Training would fail. Keep it from arising."
            )
            yield Finding(aspect, message, case.name)
        elif not _within(2 * close, found, wanted):
            message = "The weights are right, but their gradient is not: is a part of it detached?"
            yield Finding(aspect, message, case.name)


def _within(close: float, value, right: torch.Tensor) -> bool:
    """Whether a value is a tensor like `right`, and nowhere further from it than `close`."""
    alike = isinstance(value, torch.Tensor) and value.shape == right.shape
    return alike and value.dtype == right.dtype and bool(((value - right).abs() <= close).all())


# --- causal_attention

SCALE_MISTAKES = {
    "not scaled": "The scores are not scaled: divide them by the square root of the head width.",
    "by time": "The scores are divided by the square root of the length of the time axis: divide by "
    "the square root of the head width, the last axis of q.",
    "without the root": "The scores are divided by the head width itself (or twice by its root): "
    "divide once by its square root.",
    "by d_model": "The scores are divided by the square root of the width of all heads together: "
    "divide by that of one head.",
}
SOFTMAX_MISTAKES = {
    "over queries": "Softmax runs over the queries: it runs over the keys, the last axis of the scores, "
    "so that each row of weights sums to one.",
    "over heads": "Softmax runs over the heads: it runs over the keys, the last axis of the scores.",
    "no softmax": "The scores were used as weights without softmax.",
}
AFTER_SOFTMAX = (
    "The mask was applied after softmax: the rows no longer sum to one, and the future still counts "
    "in the sum that they were divided by. Mask the scores first."
)
ZEROS_BEFORE = "Blocked scores became 0 before softmax: exp(0) is 1, so the future still gets weight. Use -inf."


class CausalAttention(TensorAnswer):
    name = "lab04.causal_attention"
    aspects = {"mixture": 1.25, "scale": 0.5, "mask": 1, "dropout": 1, "dtype and device": 0.25}
    needs = dict.fromkeys(["scale", "mask", "dropout", "dtype and device"], "mixture")
    advice = " (Are attention_scores, apply_mask and softmax right?)"
    hints = (
        "You have written every part. In which order do they come, and between which two does the mask "
        "belong?",
        "Scores, mask, softmax along the last axis, dropout on the weights, weights @ v. The mask is made "
        "for q.shape[-2] positions on q.device.",
        "scores = apply_mask(attention_scores(q, k), causal_mask(q.shape[-2], q.device)); weights = "
        "F.dropout(softmax(scores, -1), dropout_p, training); return weights @ v",
    )
    mistakes = (
        SCALE_MISTAKES
        | SOFTMAX_MISTAKES
        | {
            "no mask": "The future is not blocked: every position looks at all others.",
            "transposed": "The mask is transposed: each position looks at the future and not at the past.",
            "one ahead": "The mask is off by one: each position also looks one step into the future.",
            "not itself": "The mask is off by one: a position cannot look at itself, and the first one "
            "has nothing to look at.",
            "not itself, NaN": "The mask is off by one: a position cannot look at itself, so the first "
            "one has nothing to look at and becomes NaN.",
            "inverted": "The mask is used the wrong way round: the past is blocked and the future is not.",
            "inverted, NaN": "The mask is used the wrong way round: the past is blocked, and where "
            "nothing is left to look at, NaN arises.",
            "after softmax": AFTER_SOFTMAX,
            "-inf after softmax": "-inf was put in after softmax: the mask belongs on the scores, before it.",
            "zeros before softmax": ZEROS_BEFORE,
            "weights": "These are the attention weights: multiply them with v.",
            "keys for values": "The keys were mixed and not the values: weights @ v.",
            "weights transposed": "The weights are transposed: row t of weights @ v is what position t sees.",
        }
    )
    belongs = dict.fromkeys(SCALE_MISTAKES, "scale") | dict.fromkeys(
        ["no mask", "transposed", "one ahead", "not itself", "not itself, NaN", "inverted",
         "inverted, NaN", "after softmax", "-inf after softmax", "zeros before softmax"], "mask",
    )  # fmt: skip

    def cases(self):
        rng = Random(404)
        whole = ("mixture", "scale", "mask")
        yield Case("three heads", whole, qkv(rng, 2, 3, 5, 4, scale=1.5))
        yield Case("wider values", whole, qkv(rng, 1, 2, 4, 3, value_width=5))
        low = {name: x.bfloat16() for name, x in qkv(rng, 1, 3, 5, 4).items()}
        yield Case("bfloat16", ("dtype and device",), low)
        dropped = {"dropout_p": 0.4, "training": False}
        yield Case("dropout in evaluation", ("dropout",), qkv(rng, 1, 2, 4, 3) | dropped)
        yield Case("dropout in training", ("dropout",), to_see_weights(rng, 4, 3, 6, 0.4))

    def attempt(self, answer, inputs):
        if inputs["q"].dtype == torch.bfloat16:
            return self.elsewhere(answer, inputs)
        q, k, v, *dropout = copy.deepcopy(list(inputs.values()))
        result = answer(q, k, v)
        if result is None:
            return None
        seen = tensor_facts(result)
        if dropout:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(4)
                return seen | {"dropped": tensor_facts(answer(q, k, v, *dropout))}
        if not isinstance(result, torch.Tensor) or result.shape != v.shape:
            return seen
        times = torch.tensor([1.0] * (q.shape[2] - 1) + [300.0])[:, None]
        after = answer(q, k * times, v * times)[:, :, :-1]
        seen["still"] = isclose(after, result[:, :, :-1]).all().item()
        seen["keys"] = influence(lambda keys: answer(q, keys, v), k, time_dim=2)
        seen["values"] = influence(lambda values: answer(q, k, values), v, time_dim=2)
        return seen

    def findings(self, case, seen):
        if case.inputs["q"].dtype == torch.bfloat16:
            yield from self.elsewhere_findings(case, seen)
        elif "training" in case.inputs:
            yield from dropout_findings(case, seen)
        else:
            yield from self.tensor_findings(case, seen, case.expected["right"])
            if "keys" in seen and seen["value"].isfinite().all():
                yield from self._reach(case, seen)

    def _reach(self, case, seen):
        if not any(map(any, seen["values"])):
            message = "The gradient does not reach v: compute with torch's operations only."
            yield Finding(case.aspects[0], message)
        for what in ("values", "keys"):
            leak = leaks(seen[what])
            if leak:
                message = (
                    f"The future leaks: an output depends on {what} at later positions. Block those "
                    "scores before softmax."
                )
                detail = f"{case.name}: output {leak[0]} moves with position {leak[1]}"
                yield Finding("mask", message, detail)
        if not seen["still"]:
            message = "The future leaks: when the last key and value grow, earlier outputs change."
            yield Finding("mask", message, case.name)


def qkv(rng: Random, batch, heads, time, width, value_width=None, scale=1.0) -> dict:
    """Queries, keys and values for `causal_attention`."""
    q, k = (normal(rng, batch, heads, time, width, scale=scale) for _ in "qk")
    return {"q": q, "k": k, "v": normal(rng, batch, heads, time, value_width or width)}


def to_see_weights(rng: Random, batch, heads, time, dropout_p) -> dict:
    """Inputs for which the result shows the weights themselves, twice side by side."""
    inputs = qkv(rng, batch, heads, time, 4, scale=0.7)
    twice = torch.eye(time).repeat(1, 2).expand(batch, heads, time, 2 * time).clone()
    return inputs | {"v": twice, "dropout_p": dropout_p, "training": True}


def dropout_findings(case, seen) -> Iterator[Finding]:
    """What dropout does wrong to weights that are seen twice side by side.

    It is judged by the answer's own weights without dropout, which other cases judge.
    """
    (aspect,), plain, y = case.aspects, seen["value"], seen["dropped"]["value"]
    right = case.expected["right"]
    if not isinstance(plain, torch.Tensor) or plain.shape != right.shape or plain.isnan().any():
        return  # other aspects say so
    if not isinstance(y, torch.Tensor) or y.shape != plain.shape or y.dtype != plain.dtype:
        yield Finding(aspect, "With dropout the result has another type, shape or dtype.")
    elif not case.inputs["training"]:
        if not isclose(y, plain).all():
            message = "Dropout is active though training is False: pass training on to it."
            yield Finding(aspect, message, case.name)
    else:
        p = case.inputs["dropout_p"]
        message, dropped = _dropped_wrongly(plain, y, p)
        if message:
            yield Finding(aspect, message, f"{case.name}: {dropped:.0%} dropped, dropout_p is {p}")


def _dropped_wrongly(plain: torch.Tensor, y: torch.Tensor, p: float) -> tuple[str, float]:
    """What is wrong, or an empty text, and the share of weights that were dropped."""
    time = plain.shape[-2]
    weights, first, second = plain[..., :time], y[..., :time], y[..., time:]
    allowed = weights != 0
    kept = (first != 0) & allowed
    n = max(allowed.sum().item(), 1)
    dropped, spread = 1 - kept.sum().item() / n, math.sqrt(p * (1 - p) / n)
    ratio = (first / weights)[kept]

    def all_are(number: float) -> bool:
        return bool(isclose(ratio, torch.full_like(ratio, number)).all())

    message = ""
    if isclose(y, plain).all():
        message = "Nothing is dropped though training is True."
    elif not isclose(first.contiguous(), second.contiguous()).all():
        message = (
            "Dropout was applied to the result: it belongs on the weights, before they meet v."
        )
    elif all_are(1):
        message = (
            "The weights that are left were not scaled up: divide them by 1 - dropout_p, so that "
            "their mean stays."
        )
    elif isclose(first.sum(-1), torch.ones_like(first[..., 0])).all():
        message = (
            "Dropout was applied before softmax: the rows still sum to one. It comes after it."
        )
    elif abs(dropped - (1 - p)) < SIGMAS * spread < abs(dropped - p):
        message = "dropout_p is the probability to drop a weight; here it was that to keep one."
    elif not all_are(1 / (1 - p)):
        message = "The weights that are left have wrong values: they are divided by 1 - dropout_p."
    elif (kept[:, :1] & allowed == kept).all() or (kept[:1] & allowed == kept).all():
        message = (
            "The same weights are dropped in every head or sequence: draw for each weight anew."
        )
    elif abs(dropped - p) > SIGMAS * spread:
        message = "The number of dropped weights does not fit dropout_p."
    return message, dropped


# --- split_heads and merge_heads


class SplitHeads(TensorAnswer):
    name = "lab04.split_heads"
    aspects = {"heads": 1.25, "refusal": 0.25}
    needs = {"refusal": "heads"}
    hints = (
        "The numbers of one token lie side by side in the last axis: the first head_dim of them belong "
        "to head 0. Cut that axis first, then move the new axis.",
        "reshape(batch, time, n_heads, head_dim) cuts the last axis and moves nothing. transpose(1, 2) "
        "then brings the heads in front of the time.",
        "x.reshape(batch, time, n_heads, d_model // n_heads).transpose(1, 2)",
    )
    mistakes = {
        "reshape alone": "The shape is right, but each head holds pieces of other positions: reshape only "
        "cuts the numbers anew. Cut the last axis, then transpose.",
        "not transposed": "The heads come after the time: transpose to (batch, n_heads, time, head_dim).",
        "interleaved": "The heads are interleaved: head 0 takes the first head_dim numbers of a token, "
        "and not every n_heads-th.",
        "width before time": "The head width comes before the time: the order is (batch, n_heads, time, "
        "head_dim).",
        "heads first": "The heads come before the batch: the order is (batch, n_heads, time, head_dim).",
        "counts exchanged": "n_heads was taken for the width of a head: there are n_heads heads, each "
        "d_model // n_heads wide.",
        "transposed first": "Time and width were transposed before the cut, so each head holds other "
        "numbers: cut the last axis first.",
        "cut along time": "The time axis was cut into heads: each head sees all positions, and a part "
        "of the width.",
    }

    def cases(self):
        x = torch.arange(2 * 4 * 12.0).reshape(2, 4, 12)
        yield Case("three heads of width 4", ("heads",), {"x": x, "n_heads": 3})
        yield Case("one head", ("heads",), {"x": x[:1, :3, :5].clone(), "n_heads": 1})
        yield Case(
            "heads that do not fit", ("refusal",), {"x": torch.zeros(1, 2, 10), "n_heads": 3}
        )

    def attempt(self, answer, inputs):
        if inputs["x"].shape[-1] % inputs["n_heads"]:
            seen = call(answer, inputs["x"].clone(), inputs["n_heads"])
            return {"refusal": seen, "value": None}
        return super().attempt(answer, inputs)

    def findings(self, case, seen):
        if "refusal" in seen:
            yield from not_refused(self, case, seen["refusal"], "d_model is no multiple of n_heads")
        else:
            yield from super().findings(case, seen)


def not_refused(question: Question, case: Case, seen: dict, reason: str) -> Iterator[Finding]:
    """A finding where bad arguments were not refused with a ValueError."""
    name = question.answer_name
    if "ValueError" in seen.get("kinds", []):
        return
    message = f"{name} did not raise a ValueError ({reason})."
    if "raised" in seen:
        message = f"{name} raised {seen['raised']}, expected a ValueError ({reason})."
    yield Finding(case.aspects[0], message, f"{case.name}: {shorten(seen)}")


class MergeHeads(TensorAnswer):
    name = "lab04.merge_heads"
    aspects = {"heads": 1}
    hints = (
        "Walk split_heads backwards: what was done last is undone first.",
        "transpose(1, 2) brings the time back in front of the heads; then the last two axes become one. "
        "After a transpose, reshape works where view does not.",
        "x.transpose(1, 2).reshape(batch, time, n_heads * head_dim)",
    )
    mistakes = {
        "reshape alone": "The shape is right, but the numbers of one token come from other positions: "
        "transpose back before you reshape.",
        "interleaved": "The heads are interleaved: a token holds all of head 0 first, then all of head 1.",
        "not reshaped": "The heads are still an axis of their own: join the last two axes.",
        "time and width mixed": "Time and head width have changed places: only heads and time are "
        "transposed back.",
        "heads summed": "The heads were summed: they stand side by side, each with its own numbers.",
        "heads averaged": "The heads were averaged: they stand side by side, each with its own numbers.",
        "along time": "The heads were joined along the time axis: they are joined along the width.",
        "heads reversed": "The heads stand in reversed order.",
    }

    def cases(self):
        x = torch.arange(2 * 3 * 5 * 4.0).reshape(2, 3, 5, 4)
        yield Case("three heads of width 4", ("heads",), {"x": x})
        yield Case("one head", ("heads",), {"x": x[:1, :1, :2].clone()})
        strided = x.transpose(1, 2).contiguous().transpose(1, 2)
        yield Case("as split_heads leaves them", ("heads",), {"x": strided})


# --- MultiHeadAttention

LAYERS = ("query", "key", "value", "output")


def weights_of(rng: Random, d_model: int, scale: float = 0.5) -> dict[str, torch.Tensor]:
    """Weights and biases of the four layers, larger than at the start, so that mistakes show."""
    shapes = {"weight": (d_model, d_model), "bias": (d_model,)}
    return {
        f"{layer}.{part}": normal(rng, *shape, scale=scale)
        for layer in LAYERS
        for part, shape in shapes.items()
    }


def weights_in_pairs(rng: Random, d_model: int) -> dict[str, torch.Tensor]:
    """Weights with which the columns 2i and 2i + 1 of the result are always equal, unless the
    result itself is changed: the values come in pairs, and the output layer does nothing.
    """
    weights = weights_of(rng, d_model)
    for part in ("value.weight", "value.bias"):
        weights[part] = weights[part][::2].repeat_interleave(2, 0)
    return weights | {"output.weight": torch.eye(d_model), "output.bias": torch.zeros(d_model)}


class MultiHead(TensorAnswer):
    name = "lab04.MultiHeadAttention"
    aspects = {
        "self-attention": 1.25,
        "mask": 1,
        "memory": 0.75,
        "padding": 0.5,
        "dropout": 0.5,
        "dtype and device": 0.25,
        "refusal": 0.25,
    }
    needs = dict.fromkeys(
        ["mask", "memory", "padding", "dropout", "dtype and device", "refusal"], "self-attention"
    )
    advice = " (Are split_heads, merge_heads and the functions before them right?)"
    hints = (
        "Draw the way of one x: three linear layers, heads split, scores, mask, softmax, dropout, mix, "
        "heads merged, one linear layer. Which of these need memory in place of x?",
        "Only keys and values come from memory. A mask that broadcasts against (batch, n_heads, time_q, "
        "time_k) goes to apply_mask as it is. Dropout asks self.training.",
        "q = split_heads(self.query(x), self.n_heads); the same for self.key(memory) and "
        "self.value(memory); scores, mask if there is one, softmax over the last axis, "
        "F.dropout(weights, self.dropout, self.training); self.output(merge_heads(weights @ v)).",
    )
    mistakes = (
        SCALE_MISTAKES
        | SOFTMAX_MISTAKES
        | {
            "heads by reshape": "The heads were cut by reshape alone, so each holds pieces of other "
            "positions: cut the last axis, then transpose.",
            "heads by reshape, both ways": "Heads are cut and joined by reshape alone: each holds pieces "
            "of other positions. Transpose after the cut and before the joining.",
            "merged by reshape": "The heads were joined by reshape alone: transpose back first.",
            "interleaved": "The heads are interleaved: head 0 takes the first head_dim numbers.",
            "one head": "There is only one head: split q, k and v into n_heads heads first.",
            "no output layer": "The output layer is missing: the joined heads go through self.output.",
            "one projection": "Queries, keys and values come from the same layer: each has its own.",
            "keys for values": "The keys were mixed and not the values: weights @ v.",
            "residual": "x was added to the result: the residual connection comes in the next lab.",
            "always causal": "The future is blocked without being asked: mask=None blocks nothing.",
            "mask inverted": "The mask is used the wrong way round: True means may look. (PyTorch's "
            "nn.MultiheadAttention has it the other way round.)",
            "mask ignored": "The mask changes nothing: is it used at all?",
            "mask transposed": "The mask is transposed: its rows are queries, its columns are keys.",
            "after softmax": AFTER_SOFTMAX,
            "zeros before softmax": ZEROS_BEFORE,
            "added": "The mask was added to the scores as 0 and 1: blocked scores become -inf.",
            "masked rows NaN": "A query that may look at nothing gives NaN: its weights must be zeros.",
            "masked rows uniform": "A query that may look at nothing looks at everything: a large negative "
            "number was used for -inf.",
            "memory ignored": "memory is ignored: keys and values come from it where it is given.",
            "memory asks": "Queries come from memory, keys and values from x: it is the other way round.",
            "values from x": "The values come from x: keys and values both come from memory.",
            "keys from x": "The keys come from x: keys and values both come from memory.",
            "all from memory": "Queries, keys and values all come from memory: the queries come from x.",
        }
    )

    def cases(self):
        rng = Random(406)
        sizes, weights = {"d_model": 12, "n_heads": 3}, weights_of(rng, 12)
        x = normal(rng, 2, 5, 12)
        plain = sizes | {"x": x, "mask": None, "memory": None, "weights": weights}
        yield Case("five tokens, no mask", ("self-attention",), plain)
        yield Case("a causal mask", ("mask",), plain | {"mask": causal(5)})
        other = {"x": normal(rng, 2, 3, 12), "memory": normal(rng, 2, 5, 12)}
        same = {"x": normal(rng, 2, 4, 12), "memory": normal(rng, 2, 4, 12)}
        yield Case("a memory of the same length", ("memory",), plain | same)
        yield Case("a memory of another length", ("memory",), plain | other)
        yield Case("padding", ("padding",), plain | {"mask": lengths(5, 3, time=5)})
        yield Case("nothing but padding", ("padding",), plain | {"mask": lengths(4, 0, time=5)})
        low = {name: value.bfloat16() for name, value in weights_of(rng, 12, 0.3).items()}
        low = {"x": x[:1].bfloat16(), "mask": causal(5), "weights": low}
        yield Case("bfloat16", ("dtype and device",), plain | low)
        dropped = {"x": x[:1].clone(), "weights": weights_in_pairs(rng, 12), "dropout": 0.4}
        yield Case("dropout", ("dropout",), plain | dropped)
        yield Case("heads that do not fit", ("refusal",), {"d_model": 10, "n_heads": 3})

    def attempt(self, answer, inputs):
        if "weights" not in inputs:
            sizes = inputs["d_model"], inputs["n_heads"]
            return {"refusal": call(answer, *sizes), "value": None}
        if inputs["x"].dtype == torch.bfloat16:
            return self.elsewhere(answer, inputs)
        return self.attempt_once(answer, inputs)

    def attempt_once(self, answer, inputs, device="cpu"):
        named = {"dropout": inputs["dropout"]} if "dropout" in inputs else {}
        module = answer(inputs["d_model"], inputs["n_heads"], **named)
        if not isinstance(module, torch.nn.Module):
            return {"made": type_name(module), "value": None}
        parts = (on_device(inputs[part], device) for part in ("x", "mask", "memory"))
        x, mask, memory = copy.deepcopy(list(parts))
        module.to(device=device, dtype=x.dtype)
        misfit = fill(module, inputs["weights"])
        if misfit:
            return {"misfit": misfit, "value": None}
        return self._use(module, x, mask, memory, "dropout" in inputs)

    def _use(self, module, x, mask, memory, with_dropout: bool) -> dict | None:
        def attend(x):
            if mask is None and memory is None:
                return module(x)
            return module(x, mask=mask, memory=memory)

        module.eval()
        leaf = x.clone().requires_grad_()
        result = attend(leaf)
        if result is None:
            return None
        seen = tensor_facts(result)
        if not isinstance(result, torch.Tensor) or result.shape != x.shape:
            return seen
        if with_dropout:
            many = x.expand(COPIES, *x.shape[1:])
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(4)
                again = isclose(attend(x), result).all().item()
                module.train()
                return seen | {"again": again, "training": _mean_and_error(module(many))}
        if x.dtype == torch.bfloat16 or x.is_cuda:
            return seen
        parameters = dict(module.named_parameters())
        grads = gradient(result, leaf, *parameters.values())
        seen["gradient"] = grads and [not g.isnan().any().item() for g in grads]
        # Adding a number to all scores of a row changes no weight, so key.bias gets no gradient.
        names = ["x", *parameters]
        seen["unreached"] = grads and [
            name for name, g in zip(names, grads) if not g.any() and name != "key.bias"
        ]
        if mask is not None and mask.dim() == 2 and memory is None:
            seen["reach"] = influence(attend, x)
        module.train()
        return seen | {"training": tensor_facts(attend(x))["value"]}

    def findings(self, case, seen):
        right, aspect = case.expected["right"], case.aspects[0]
        if "refusal" in seen:
            yield from not_refused(self, case, seen["refusal"], "d_model is no multiple of n_heads")
        elif "made" in seen:
            message = (
                f"MultiHeadAttention made {with_article(seen['made'])}, expected an nn.Module."
            )
            yield Finding(aspect, message)
        elif "misfit" in seen:
            yield from self.misfit(case, seen["misfit"], case.inputs["weights"])
        elif aspect == "dtype and device":
            yield from self.elsewhere_findings(case, seen)
        elif aspect == "dropout":
            yield from self._dropout(case, seen)
        else:
            wrong = list(self.tensor_findings(case, seen, right))
            yield from wrong or self._beyond_the_values(case, seen)

    def _beyond_the_values(self, case, seen):
        aspect, training = case.aspects[0], seen["training"]
        leak = leaks(seen.get("reach"))
        if leak:
            message = "The future leaks: an output depends on later positions that the mask blocks."
            detail = f"{case.name}: output {leak[0]} moves with position {leak[1]}"
            yield Finding(aspect, message, detail)
        elif seen["gradient"] is None or seen["unreached"]:
            name = seen["unreached"][0] if seen["unreached"] else "x"
            yield Finding(aspect, f"The gradient does not reach {name}.", case.name)
        elif not all(seen["gradient"]):
            message = (
                "The result is right, but its gradient is NaN: a NaN was made on the way and painted "
                "over. Training would fail. Keep it from arising (see softmax)."
            )
            yield Finding(aspect, message)
        elif not isinstance(training, torch.Tensor) or not isclose(training, seen["value"]).all():
            yield Finding(aspect, "Without dropout, training mode must give what evaluation gives.")

    def _dropout(self, case, seen):
        aspect, plain = case.aspects[0], seen["value"]
        if "training" not in seen:
            yield from self.tensor_findings(case, seen, case.expected["right"])
            return
        mean, error, pairs = (seen["training"][part] for part in ("mean", "error", "pairs"))
        message = ""
        if not seen["again"]:
            message = "Dropout is active in evaluation: pass self.training on to it."
        elif not error.max() > 1e-6:
            message = "In training mode nothing is dropped: use dropout on the weights."
        elif not pairs:
            message = "Dropout was applied to a result: it belongs on the weights, after softmax."
        elif not ((mean - plain[0]).abs() <= SIGMAS * error + 1e-5).all():
            message = (
                "In training mode the mean over many tries is not the result without dropout: the "
                "weights that are left are divided by 1 - dropout."
            )
        if message:
            yield Finding(aspect, message)


def _mean_and_error(results: torch.Tensor) -> dict:
    """Of the results for many copies of one sequence: mean, its error, whether columns pair up."""
    error = results.std(0) / math.sqrt(len(results))
    pairs = isclose(results[..., ::2].contiguous(), results[..., 1::2].contiguous()).all().item()
    return {"mean": results.mean(0), "error": error, "pairs": pairs}


# --- attention_flops


class AttentionFlops(Question):
    name = "lab04.attention_flops"
    aspects = {"projections": 0.5, "scores and mixing": 0.5}
    hints = (
        "Go through the list in the text. A product of an (m, n) with an (n, p) matrix computes m · p "
        "entries, each from n multiplications and n additions.",
        "Each of the four linear layers multiplies batch · time rows with a (d_model, d_model) matrix. "
        "For the scores every head multiplies (time, head_dim) with (head_dim, time), and the heads "
        "together are d_model wide.",
        "4 · 2 · batch · time · d_model² + 2 · 2 · batch · time² · d_model",
    )

    def cases(self):
        both = ("projections", "scores and mixing")
        yield Case("a small one", both, {"batch": 2, "time": 3, "d_model": 5})
        yield Case("the base setting", both, {"batch": 4, "time": 16, "d_model": 64})

    def probe(self, answer, inputs):
        batch, time, d_model = inputs.values()
        first = answer(batch, time, d_model)
        if first is None:
            return None
        return [
            first,
            answer(batch, 2 * time, d_model),
            answer(2 * batch, time, d_model),
            answer(batch, time, 2 * d_model),
            answer(batch, 3 * time, d_model),
        ]

    def verdict(self, case, seen):
        for value in seen:
            if type(value) is not int:
                found = with_article(kind_of(value))
                for aspect in case.aspects:
                    yield Finding(aspect, f"attention_flops returned {found}, expected an int.")
                return
        first, longer, more, wider, longest = seen
        batch, time, d_model = case.inputs.values()
        # As projections · batch · time · d_model² + mixing · batch · time² · d_model, if it is that.
        mixing = (longer - 2 * first) / (2 * batch * time**2 * d_model)
        projections = (4 * first - longer) / (2 * batch * time * d_model**2)
        fits = {
            "batch": more == 2 * first,
            "d_model": wider == (4 * projections * d_model + 2 * mixing * time) * batch * time * d_model,
            "time": longest == (3 * projections * d_model + 9 * mixing * time) * batch * time * d_model,
        }  # fmt: skip
        wrong = [name for name, right in fits.items() if not right]
        if wrong:
            message = f"The count does not grow with {wrong[0]} as it should: see the products in the list."
            for aspect in case.aspects:
                yield Finding(aspect, message, f"{case.name}: got {shorten(seen[0])}")
            return
        advice = {
            "projections": (projections, 8, _PROJECTIONS.get(projections)),
            "scores and mixing": (mixing, 4, _MIXING.get(mixing)),
        }
        for aspect, (found, right, message) in advice.items():
            if found != right:
                if projections == 4 and mixing == 2:
                    message = (
                        "A multiplication and an addition count as two operations, not as one."
                    )
                message = message or "Some products are missing or counted too often."
                power = "time · d_model²" if right == 8 else "time² · d_model"
                detail = f"{case.name}: {found:g} · batch · {power}, expected {right}"
                yield Finding(aspect, message, detail)


_PROJECTIONS = {
    0: "The four linear layers are not counted: query, key, value and output.",
    2: "Only one linear layer is counted: there are four, query, key, value and output.",
    4: "Half of the work in the linear layers is missing: there are four, and a multiplication and an "
    "addition count as two.",
    6: "Three linear layers are counted: the output layer is the fourth.",
}
_MIXING = {
    0: "The products that grow with time² are missing: scores, and weights times values.",
    2: "Half of the work that grows with time² is missing: there are two products, the scores and "
    "weights times values, and a multiplication and an addition count as two.",
}
