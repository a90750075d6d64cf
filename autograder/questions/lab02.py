"""lab02_embeddings: how does a number become a meaning and a place?"""

import math
import random
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise

import torch
from torch import nn

import course
from autograder.compare import compare
from autograder.observation import tensor_facts, type_name
from autograder.probing import call, fill
from autograder.question import (
    RAISES,
    Case,
    Finding,
    Question,
    TensorQuestion,
    kind_of,
    same,
    shorten,
    with_article,
)


class TrainValSplit(Question):
    name = "lab02.train_val_split"
    aspects = {"cut": 1, "order": 0.5, "nothing lost": 0.5}
    hints = (
        "One cut, and two slices of the same list. Where does the second slice begin, if the first "
        "ends there?",
        "The cut is at int(fraction * len(ids)). A slice that ends at an index leaves that index out, "
        "so the next one can begin at it.",
        "cut = int(fraction * len(ids)); then ids[:cut] is the first part, and ids[cut:] the second.",
    )

    def cases(self):
        three = tuple(self.aspects)
        ten = torch.tensor([31, 4, 15, 92, 65, 35, 89, 79, 3, 23])
        yield Case("ten ids, the default", three, {"ids": ten})
        yield Case("eight ids, half and half", three, {"ids": ten[:8], "fraction": 0.5})
        yield Case("ids that repeat", three, {"ids": torch.tensor([7] * 9 + [2]), "fraction": 0.9})
        yield Case("seven ids", three, {"ids": ten[:7], "fraction": 0.6})

    def probe(self, answer, inputs):
        return _two(super().probe(answer, inputs))

    def verdict(self, case, seen):
        wrong = list(_not_two(self, case, seen, "train", "val"))
        for name, facts in zip(("train", "val"), () if wrong else seen["two"]):
            if isinstance(facts["value"], torch.Tensor) and facts["value"].dim() != 1:
                message = f"{name} has shape {tuple(facts['value'].shape)}, expected one dimension."
                wrong += [Finding(aspect, message) for aspect in case.aspects]
        yield from wrong
        if wrong:
            return
        ids, fraction = case.inputs["ids"].tolist(), case.inputs.get("fraction", 0.8)
        train, val = (facts["value"].tolist() for facts in seen["two"])
        for aspect, message in (
            ("cut", _cut_mistake(ids, train, val, fraction, "fraction" not in case.inputs)),
            ("order", _order_mistake(ids, train, val)),
            ("nothing lost", _lost_mistake(ids, train, val)),
        ):
            if message:
                detail = f"{case.name}: got {shorten(train)} and {shorten(val)}"
                yield Finding(aspect, message, detail)


def _cut_mistake(ids: list, train: list, val: list, fraction: float, default: bool) -> str:
    n = len(ids)

    def near(length, share):  # where share * n is no whole number, both neighbours are right
        return abs(length - share * n) < 1

    if near(len(train), fraction):
        return ""
    if near(len(val), fraction) and val == ids[: len(val)]:
        return (
            "The two parts are swapped: return the training part first, then the validation part."
        )
    if near(len(train), 1 - fraction):
        return "fraction is the share of the training part, and not of the validation part."
    if near(len(train), 0.8):
        return "fraction is not used: 0.8 is only its default."
    if default:
        return "The training part is not 0.8 of the ids when no fraction is given."
    return "The training part is not the given fraction of the ids."


def _order_mistake(ids: list, train: list, val: list) -> str:
    if not train and not val:
        return "Both parts are empty."
    n_train, n_val, n = len(train), len(val), len(ids)
    if train == ids[:n_train] and val == ids[n - n_val :]:
        return ""
    left = iter(ids)
    if all(i in left for i in train + val):  # in order, though some may be lost
        return ""
    if val == ids[:n_val] and train == ids[n - n_train :]:
        return "The validation part is the beginning of the text: it must be the end."
    places = [[ids.index(i) for i in part if i in ids] for part in (train, val)]
    if all(part == sorted(part) for part in places):
        return "Validation ids come from between training ids: cut the text in one place."
    return "The order of the ids is lost: a model learns which token follows which."


def _lost_mistake(ids: list, train: list, val: list) -> str:
    found, wanted = Counter(train) + Counter(val), Counter(ids)
    lost, extra = wanted - found, found - wanted
    if lost and extra:
        return "The two parts hold other ids than the text."
    if lost:
        n_lost = sum(lost.values())
        if n_lost == 1 and ids[: len(train)] + ids[len(train) : len(train) + 1] + val == ids:
            return "The id at the cut is lost: the second part begins where the first one ends."
        return "Ids are lost: each one belongs to one of the two parts."
    if extra:
        return "Some ids are in both parts: what a model has trained on can't judge it."
    return ""


class GetBatch(Question):
    name = "lab02.get_batch"
    aspects = {"windows": 1, "targets": 1, "starts": 1, "generator": 0.5, "too short": 0.5}
    needs = {"starts": "windows", "generator": "windows", "too short": "windows"}
    hints = (
        "Draw one start for each row. How many ids does a row need, if the last of its "
        "context_length tokens has a target too? So which is the last start that is legal?",
        "torch.randint(high, (batch_size,), generator=generator) draws from 0 to high - 1. A window of "
        "context_length + 1 ids holds a row of x and a row of y: all but its last, all but its first.",
        "With n = len(ids) - context_length legal starts (refuse n < 1): starts = torch.randint(n, "
        "(batch_size,), generator=generator); rows = torch.stack([ids[s : s + context_length + 1] for s "
        "in starts]).",
    )

    def cases(self):
        seed = {"seed": 5, "calls": 1}
        text = torch.tensor([50, 61, 72, 83, 94, 15, 26, 37, 48, 59, 60, 77])
        small = {"ids": text, "batch_size": 2, "context_length": 5}
        yield Case("two rows of five", ("windows", "targets"), small | seed)
        yield Case(
            "three rows of two",
            ("windows", "targets"),
            {"ids": text[:7], "batch_size": 3, "context_length": 2} | seed,
        )
        many = small | {"batch_size": 300, "seed": 1, "calls": 7}
        yield Case("which starts occur", ("starts",), many)
        one = {"ids": text[:6], "batch_size": 4, "context_length": 5} | seed
        yield Case("a text with one window only", ("starts",), one)
        often = {"batch_size": 7, "seed": 3, "calls": 8}
        yield Case("the same seed again", ("generator",), small | often)
        short = small | {"ids": text[:5]} | seed
        yield Case("five ids, context 5: no target for the last", ("too short",), short)

    def probe(self, answer, inputs):
        ids, batch_size, context_length, seed, calls = inputs.values()
        if len(ids) <= context_length:
            generator = torch.Generator().manual_seed(seed)
            return call(answer, ids.clone(), batch_size, context_length, generator)
        runs = []
        for other_seed in (1, 2):
            with _global_seed(other_seed):
                generator = torch.Generator().manual_seed(seed)
                several = [
                    _two(answer(ids.clone(), batch_size, context_length, generator))
                    for _ in range(calls)
                ]
            runs.append(several)
        return None if runs[0][0] is None else {"batches": runs[0], "again": runs[1]}

    def verdict(self, case, seen):
        if case.aspects == ("too short",):
            reason = "these ids hold no row with a target for each of its tokens"
            yield from _refused(self, case, seen, reason)
            return
        batches = seen["batches"] + seen["again"]
        wrong = [finding for two in batches for finding in _not_two(self, case, two, "x", "y")]
        yield from wrong[: len(case.aspects)]
        if wrong:
            return
        pairs = [[facts["value"] for facts in two["two"]] for two in seen["batches"]]
        if case.aspects == ("generator",):
            again = [[facts["value"] for facts in two["two"]] for two in seen["again"]]
            yield from self._generator(pairs, again)
        elif case.aspects == ("starts",):
            yield from self._starts(case, [x for x, _ in pairs])
        else:
            x, y = (two["value"] for two in seen["batches"][0]["two"])
            yield from self._window(case, x)
            yield from self._targets(case, x, y)

    def _window(self, case, x):
        text = case.inputs["ids"].tolist()
        rows, columns = case.inputs["batch_size"], case.inputs["context_length"]
        message = _shape_mistake("x", x, rows, columns)
        if not message:
            for b, row in enumerate(x.tolist()):
                if row not in _windows(text, columns):
                    message = "A row of x is not a piece of the text: its tokens must be neighbours there."
                    yield Finding("windows", message, f"{case.name}: row {b} of x is {row}")
                    return
        if message:
            yield Finding("windows", message, f"{case.name}: x is {shorten(x.tolist())}")

    def _targets(self, case, x, y):
        text = case.inputs["ids"].tolist()
        rows, columns = case.inputs["batch_size"], case.inputs["context_length"]
        message = _shape_mistake("y", y, rows, columns)
        if y.dim() and y.dtype == torch.int64 and y.numel() == rows:
            message = "y has one target a row: each position of x has one, its next token."
        elif not message and _shape_mistake("x", x, rows, columns):
            message = "y cannot be judged as long as x has a wrong shape."
        elif not message:
            message = _target_mistake(text, x.tolist(), y.tolist())
        if message:
            detail = f"{case.name}: x is {shorten(x.tolist())}, y is {shorten(y.tolist())}"
            yield Finding("targets", message, detail)

    def _starts(self, case, xs):
        text, length = case.inputs["ids"].tolist(), case.inputs["context_length"]
        rows, legal = case.inputs["batch_size"], len(text) - length
        x = xs[0]
        if x.dim() == 2 and x.shape == (legal, length) and rows > legal:
            message = (
                "A batch holds each start once, so there are fewer rows than batch_size: draw each "
                "row's start by itself, the same may come twice."
            )
            yield Finding("starts", message)
            return
        for x in xs:
            message = _shape_mistake("x", x, rows, length)
            if message:
                yield Finding("starts", message)
                return
        drawn = [[text.index(i) if i in text else -1 for i in x[:, 0].tolist()] for x in xs]
        message = _start_mistake(drawn, legal, length)
        if message:
            counts = Counter(start for starts in drawn for start in starts)
            shown = ", ".join(f"{start}: {counts[start]}" for start in range(legal))
            yield Finding("starts", message, f"{case.name}: how often each occurred: {shown}")

    def _generator(self, batches, again):
        if not same(batches, again):
            message = (
                "Two generators with the same seed gave different batches: pass generator=generator "
                "to what draws the starts."
            )
            yield Finding("generator", message)
        elif all(same(batches[0], batch) for batch in batches):
            message = (
                "Every call with one generator gave the same batch: it must go on from where it is, so "
                "do not seed it."
            )
            yield Finding("generator", message)


@contextmanager
def _global_seed(seed: int):
    """Seeds the generators that everybody shares, which must not matter; puts them back after."""
    state = random.getstate()
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            random.seed(seed)
            yield
    finally:
        random.setstate(state)


def _windows(text: list, length: int) -> list[list]:
    return [text[start : start + length] for start in range(len(text) - length + 1)]


def _shape_mistake(name: str, value: torch.Tensor, rows: int, columns: int) -> str:
    shape, wanted = tuple(value.shape), (rows, columns)
    if shape == (columns, rows) != wanted:
        return f"{name} has shape {shape}, expected {wanted}: a row is a sequence (batch first)."
    if shape == (rows, columns + 1):
        return f"{name} has context_length + 1 columns, expected context_length."
    if shape == (rows, columns - 1):
        return f"{name} has context_length - 1 columns, expected context_length."
    if shape != wanted:
        return f"{name} has shape {shape}, expected {wanted}."
    if value.dtype != torch.int64:
        return f"{name} has dtype {value.dtype}, expected torch.int64 (torch.long), as the ids."
    return ""


def _target_mistake(text: list, x: list, y: list) -> str:
    """Why y is not the next token everywhere; an empty text where it is."""
    following = dict(pairwise(text))
    before = dict(zip(text[1:], text))
    if all(following.get(i) == j for a, b in zip(x, y) for i, j in zip(a, b)):
        return ""
    if y == x:
        return "y is equal to x: a model would learn to repeat its input. Move y by one token."
    if all(before.get(i) == j for a, b in zip(x, y) for i, j in zip(a, b)):
        return "y is one token behind x: the target is the next token, not the one before."
    if all(b == a[1:] + a[:1] for a, b in zip(x, y)):
        return (
            "The last target of a row is the row's own first token: x was rolled. It is the token "
            "that follows in the text."
        )
    if all(b[:-1] == a[1:] for a, b in zip(x, y)):
        return "The last target of a row is not the token that follows in the text."
    if all(following.get(following.get(i)) == j for a, b in zip(x, y) for i, j in zip(a, b)):
        return "y is two tokens ahead of x, expected one."
    if all(following.get(a[-1]) == b[0] for a, b in zip(x, y)):
        return "y is the window after x: the target of each position is the very next token."
    if all(b == b[:1] * len(b) for b in y):
        return "All targets of a row are the same: each position has its own, the next token."
    return "y is not the next token of each token in x."


def _start_mistake(drawn: list[list[int]], legal: int, length: int) -> str:
    """What is wrong with the starts in many batches; an empty text where nothing is."""
    every = [start for starts in drawn for start in starts]
    counts = Counter(every)
    seen = {start for start in range(legal) if counts[start]}
    if max(every) >= legal or min(every) < 0:
        return "A row begins where its last token has no target in the text."
    if legal == 1:
        return ""
    if len(set(map(tuple, drawn))) == 1:
        if len(set(every)) == 1:
            return "Every row begins at the same place: draw the starts at random."
        return "Every call gives the same starts: a generator goes on from call to call."
    if all(len(set(starts)) == 1 for starts in drawn):
        return "All rows of a batch begin at the same place: draw a start for each row."
    steps = {b - a for starts in drawn for a, b in pairwise(starts)}
    if len(steps) <= 2:
        return "The rows' starts follow from one another: draw each by itself."
    if seen == set(range(0, legal, length)):
        return "Only every context_length-th start occurs: each token of the text may begin a row."
    if seen == set(range(legal - 1)):
        return (
            "The last legal start never occurs: randint leaves its upper end out, and there are "
            "len(ids) - context_length legal starts."
        )
    if seen == set(range(1, legal)):
        return "Start 0 never occurs: the text's first token may begin a row too."
    if len(seen) < legal:
        return "Some legal starts never occur: every one must be possible."
    mean = len(every) / legal
    sigma = (mean * (1 - 1 / legal)) ** 0.5
    if any(abs(counts[start] - mean) > 5 * sigma for start in range(legal)):
        return "Some starts occur far more often than others: each must be equally likely."
    return ""


class Embed(Question):
    name = "lab02.embed"
    aspects = {"lookup": 0.75, "one-hot": 0.75, "gradient": 1, "dtype": 0.5}
    hints = (
        "The table has one row for each id of the vocabulary. Which rows, and in which order? And which "
        "product picks a row of a matrix?",
        "A tensor can be indexed with a tensor of ids of any shape. For the other way F.one_hot makes "
        "the vectors: tell it how many rows the table has, and give the result the table's dtype.",
        "table[ids], and F.one_hot(ids, len(table)).to(table.dtype) @ table. Both keep the path to the "
        "table's gradient, as long as nothing is detached or copied through NumPy.",
    )
    mistakes = {
        "id after": "The vectors are those of the next id: id i belongs to row i, counted from 0.",
        "id before": "The vectors are those of the id before: id i belongs to row i, counted from 0.",
        "one-hot only": "The one-hot vectors themselves came back: multiply them with the table.",
        "summed over time": "The vectors were summed over the sequence: each id keeps a vector of its own.",
        "averaged over time": "The vectors were averaged over the sequence: each id keeps a vector of its own.",
        "time first": "Batch and time are swapped: the result has the shape of ids, then d_model.",
        "flattened": "The rows of the batch were laid end to end: the result has the shape of ids, then "
        "d_model.",
        "scaled": "The vectors are multiplied by the square root of d_model: here they stay as the table "
        "has them.",
        "row zero left out": "The vectors of id 0 became zero: it is a token like any other.",
        "normalised": "The vectors were brought to length 1: they stay as the table has them.",
    }  # fmt: skip

    def cases(self):
        table = torch.tensor([[1.0, 2, 3], [10, 20, 30], [4, -5, 6], [0.5, 0.25, -1], [-7, 8, 9]])
        table = torch.cat([table, torch.tensor([[11.0, -12, 13], [2, 2, -2]])])
        ids = torch.tensor([[4, 0, 1, 0, 3], [2, 4, 4, 1, 0]])
        plain = {"ids": ids, "table": table, "one_hot": False}
        yield Case("two rows of five ids", ("lookup",), plain)
        yield Case("one row of ids", ("lookup",), plain | {"ids": ids[0, 1:]})
        yield Case("two rows of five ids, one-hot", ("one-hot",), plain | {"one_hot": True})
        yield Case("gradient of a lookup", ("gradient",), plain)
        yield Case("gradient of a product", ("gradient",), plain | {"one_hot": True})
        half = plain | {"table": table.to(torch.bfloat16)}
        yield Case("a table in bfloat16", ("dtype",), half)
        yield Case("a table in bfloat16, one-hot", ("dtype",), half | {"one_hot": True})

    def probe(self, answer, inputs):
        ids, table, one_hot = inputs.values()
        named = {"one_hot": True} if one_hot else {}  # the lookup is the default
        table = table.clone().requires_grad_()
        result = answer(ids.clone(), table, **named)
        if result is None:
            return None
        seen = tensor_facts(result)
        seen["gradient"] = _gradient(result, table)
        unused = next(i for i in range(len(table)) if i not in ids)
        spoiled = table.detach().clone()
        spoiled[unused] = torch.inf
        seen["multiplied"] = _holds_nan(answer(ids.clone(), spoiled, **named))
        return seen

    def comparable(self, case, seen):
        value = seen["value"] if _has(seen, "value") else seen
        floating = isinstance(value, torch.Tensor) and value.is_floating_point()
        return value.to(case.expected["right"].dtype) if floating else value

    def verdict(self, case, seen):
        right, aspect = case.expected["right"], case.aspects[0]
        if seen["kind"] != "torch.Tensor":
            message = f"embed returned {with_article(seen['kind'])}, expected a torch.Tensor."
            yield Finding(aspect, message)
        elif aspect == "gradient":
            yield from self._gradient(case, seen)
        elif compare(right, seen):
            yield from self._value(case, seen)
        elif aspect == "lookup" and seen["multiplied"]:
            message = (
                "The vectors come from a product with the whole table: without one_hot, index the "
                "table with the ids, so that other rows are never touched."
            )
            yield Finding(aspect, message)
        elif aspect == "one-hot" and not seen["multiplied"]:
            message = (
                "With one_hot=True the rows are still looked up: make one-hot vectors and multiply "
                "them with the table."
            )
            yield Finding(aspect, message)

    def _value(self, case, seen):
        right, value = case.expected["right"], seen["value"]
        differs = compare(right, seen, "the result")
        known = self.known_mistake(case, self.comparable(case, seen), case.aspects[0])
        message = f"{differs.message}."
        if differs.layer == "dtype" and case.aspects[0] == "dtype":
            message = f"The result has dtype {value.dtype}, expected the table's: {right.dtype}."
        elif known:
            message = known.message
        elif differs.layer == "value" and not torch.isin(value, case.inputs["table"]).any():
            message = (
                "The vectors are not from this table. A new nn.Embedding has random weights of its "
                "own: use the table that is passed in."
            )
        yield Finding(case.aspects[0], message, f"{case.name}: {differs.message} {differs.where}")

    def _gradient(self, case, seen):
        ids, table = case.inputs["ids"], case.inputs["table"]
        gradient = seen["gradient"]
        right = torch.zeros_like(table).index_add(
            0, ids.flatten(), _directions(case.expected["right"]).flatten(0, -2)
        )
        if tuple(seen["value"].shape) != tuple(case.expected["right"].shape):
            differs = compare(case.expected["right"], seen, "the result")
            yield Finding("gradient", differs.message + ".")
        elif gradient is None:
            message = (
                "No gradient reaches the table, so it could never learn: .detach(), .data, NumPy and "
                "nn.Embedding.from_pretrained all cut the path."
            )
            yield Finding("gradient", message)
        elif not same(gradient.float(), right.float()):
            wrong = ~torch.isclose(gradient.float(), right.float(), atol=1e-4).all(1)
            row = wrong.nonzero()[0].item()
            if wrong.sum() == 1 and not gradient[row].any():
                message = f"Row {row} of the table gets no gradient, though its id occurs."
            elif gradient[[i not in ids for i in range(len(table))]].any():
                message = "Rows whose id does not occur get a gradient: expected exactly none."
            else:
                message = (
                    "The table's gradient is wrong: each place where an id stands adds to its row."
                )
            yield Finding("gradient", message, f"{case.name}: row {row} is wrong")


def _directions(result: torch.Tensor) -> torch.Tensor:
    """Fixed weights for each entry of a result, so that a gradient tells entries apart."""
    n = torch.arange(result.numel(), dtype=torch.float32).reshape(result.shape)
    return ((n * 7) % 11 - 4).to(result.dtype)


def _gradient(result, table: torch.Tensor) -> torch.Tensor | None:
    if not isinstance(result, torch.Tensor) or not result.requires_grad:
        return None
    loss = (result * _directions(result.detach())).sum()
    return torch.autograd.grad(loss, table, allow_unused=True)[0]


def _holds_nan(value) -> bool:
    return isinstance(value, torch.Tensor) and bool(value.isnan().any())


class Nearest(Question):
    name = "lab02.nearest"
    aspects = {"neighbours": 1, "similarities": 1, "not itself": 0.5, "rows of zeros": 0.5}
    needs = {"not itself": "neighbours", "rows of zeros": "neighbours"}
    hints = (
        "Bring all rows to length 1 first: then a dot product is a cosine. Which product gives all "
        "cosines with one row at once?",
        "F.normalize(table, dim=1) leaves a row of zeros as it is. To keep the token out of the list, "
        "give its own similarity a value that can never be among the largest.",
        "unit = F.normalize(table, dim=1); similarity = unit @ unit[token]; similarity[token] = "
        "-torch.inf; similarity.topk(k) has .indices and .values.",
    )
    mistakes = {
        "dot product": "The rows are compared by their dot product, and long rows win: divide by both "
        "lengths.",
        "one length": "The similarities are divided by one of the two lengths only: a cosine is "
        "divided by both.",
        "distance": "The rows are compared by their distance: the cosine looks at the direction alone.",
        "distances given": "The similarities are distances: give the cosines.",
        "farthest": "These are the least similar rows: sort from the largest cosine down.",
        "turned round": "The order is turned round: the nearest comes first.",
        "ids moved": "Ids above the token are one too low: once its row is taken out of the table, the "
        "rows after it move up.",
        "absolute": "Opposite directions count as near: the sign of a cosine matters.",
        "columns": "The columns of the table were compared: a token is a row.",
        "centred": "The mean was taken off each row before the cosine: that is a correlation.",
        "squared lengths": "The dot products are divided by squared lengths: take the square root.",
        "softmax": "The similarities went through a softmax: give the cosines.",
        "angles": "The similarities are angles: give the cosines.",
        "nearest left out": "The nearest row is missing: leave out the token itself, whatever comes first.",
    }  # fmt: skip

    def cases(self):
        table = torch.tensor(
            [
                [1.0, 2, 0, 1],
                [2, 1, 0.5, 0],
                [6, 10, 1, 7],
                [-1, -2, 0.1, -1.2],
                [0.2, 0.5, 0, 0],
                [0, 0, 3, -0.5],
                [3, 4, 0.5, -2],
            ]
        )
        three = ("neighbours", "similarities", "not itself")
        yield Case("three neighbours of id 1", three, {"token": 1, "table": table, "k": 3})
        yield Case("all others of id 4", three, {"token": 4, "table": table, "k": 6})
        twins = torch.cat([table, 2 * table[4:5]])
        yield Case("a twin after it", ("not itself",), {"token": 4, "table": twins, "k": 2})
        twins = torch.cat([4 * table[4:5], table])
        yield Case("a twin before it", ("not itself",), {"token": 5, "table": twins, "k": 2})
        zeros = table.clone()
        zeros[5] = 0
        yield Case("a row of zeros", ("rows of zeros",), {"token": 0, "table": zeros, "k": 6})

    def probe(self, answer, inputs):
        return _two(super().probe(answer, inputs))

    def comparable(self, case, seen):
        """The two tensors without the token itself (its cosine is 1): "not itself" scores that."""
        if not _has(seen, "two"):
            return seen
        ids, similarities = (facts["value"] for facts in seen["two"])
        if not all(isinstance(value, torch.Tensor) for value in (ids, similarities)):
            return seen
        if (
            ids.shape != similarities.shape
            or ids.dim() != 1
            or not similarities.dtype.is_floating_point
        ):
            return ids, similarities
        others = (ids != case.inputs["token"]) | ((similarities - 1).abs() > 1e-3)
        return ids[others].long(), similarities[others].float()  # fmt: skip

    def verdict(self, case, seen):
        wrong = list(_not_two(self, case, seen, "ids", "similarities"))
        if not wrong:
            for name, facts in zip(("ids", "similarities"), seen["two"]):
                wrong += self._form(case, name, facts)
        yield from wrong[: len(case.aspects)]
        if wrong:
            return
        values = self.comparable(case, seen)
        known = self.known_mistake(case, values, case.aspects[0])
        rights = [right[: len(values[0])] for right in case.expected["right"]]
        agree = [same(value, right) for value, right in zip(values, rights)]
        itself = case.inputs["token"] in seen["two"][0]["value"].tolist()
        messages = {}
        if itself:
            messages["not itself"] = (
                "The token is its own neighbour: leave it out, and k others remain."
            )
        elif case.aspects == ("not itself",) and not agree[0]:
            messages["not itself"] = (
                "A row that points the same way as the token's is left out: only the token itself is."
            )
        if not agree[0]:
            messages["neighbours"] = "These are not the nearest ids."
        if not agree[1]:
            messages["similarities"] = "The similarities are not the cosines."
        for aspect, message in messages.items():
            if aspect in case.aspects:
                yield Finding(aspect, known.message if known else message, self._detail(case, seen))
        if case.aspects == ("rows of zeros",):
            yield from self._zeros(case, seen, known)

    def _zeros(self, case, seen, known):
        ids, similarities = (facts["value"] for facts in seen["two"])
        zero = [i for i, row in enumerate(case.inputs["table"]) if not row.any()]
        at = similarities[[i in zero for i in ids.tolist()]]
        message = ""
        if similarities.isnan().any():
            message = (
                "A row of zeros gave NaN, which is 0 / 0: it has no direction, and its similarity to "
                "every row is 0."
            )
        elif len(at) != len(zero) or at.abs().max() > 1e-6:
            message = "A row of zeros has no direction: its similarity to every row is 0."
            message = known.message if known else message
        if message:
            yield Finding("rows of zeros", message, self._detail(case, seen))

    def _form(self, case, name, facts):
        shape, k = tuple(facts["value"].shape), case.inputs["k"]
        message = ""
        if shape != (k,):
            message = f"{name} has shape {shape}, expected ({k},), one entry a neighbour."
        elif name == "ids" and facts["dtype"] != "torch.int64":
            message = f"ids has dtype {facts['dtype']}, expected torch.int64 (torch.long)."
        elif name == "similarities" and not facts["value"].is_floating_point():
            message = f"similarities has dtype {facts['dtype']}, expected torch.float32."
        return [Finding(aspect, message) for aspect in case.aspects] if message else []

    def _detail(self, case, seen):
        ids, similarities = (facts["value"].tolist() for facts in seen["two"])
        wanted, cosines = (right.tolist() for right in case.expected["right"])
        rounded = [[round(value, 3) for value in part] for part in (similarities, cosines)]
        return (
            f"{case.name}: got {shorten(ids)}, {shorten(rounded[0])}, expected {shorten(wanted)}, "
            f"{shorten(rounded[1])}"
        )


class SinusoidalPositions(TensorQuestion):
    name = "lab02.sinusoidal_positions"
    aspects = {"first columns": 1, "all columns": 2, "dtype": 0.5, "odd d_model": 0.5}
    needs = {"dtype": "first columns", "odd d_model": "first columns"}
    hints = (
        "Write down the angle p / 10000^(2i / d_model) for every position p and every pair of columns i "
        "first, as a table with d_model / 2 columns. Sine and cosine come after that.",
        "A column of positions, (context_length, 1), times a row of frequencies, (d_model / 2,), gives "
        "all the angles. table[:, 0::2] are the even columns.",
        "position = torch.arange(context_length)[:, None]; frequency = 10000 ** (-torch.arange(0, "
        "d_model, 2) / d_model); table[:, 0::2] = torch.sin(position * frequency), and the cosine in 1::2.",
    )
    mistakes = {
        "swapped": "Sine and cosine are swapped: the even columns (0, 2, …) hold the sine.",
        "halves": "The sines fill the left half and the cosines the right one: they alternate, column "
        "by column.",
        "from 1": "The positions are counted from 1: the first one is 0.",
        "from the end": "The positions are counted from the end.",
        "own exponent": "A cosine has another frequency than the sine before it: both columns of a pair "
        "share the exponent 2i / d_model.",
        "i for 2i": "The wavelengths grow too slowly: the exponent of pair i is 2i / d_model.",
        "4i for 2i": "The wavelengths grow too fast: the exponent of pair i is 2i / d_model, and "
        "arange(0, d_model, 2) already counts in steps of 2i.",
        "divided by d/2 - 1": "The last pair has the wavelength of 10000 itself: divide by d_model, not by "
        "the number of pairs less one.",
        "base 1000": "The base is 1000, expected 10000.",
        "base 100000": "The base is 100000, expected 10000.",
        "one wavelength": "All pairs have the same wavelength. Is the exponent rounded to a whole number "
        "(//)?",
        "sine only": "All columns hold sines: the odd ones hold the cosine.",
        "cosine only": "All columns hold cosines: the even ones hold the sine.",
        "degrees": "The angles were taken as degrees: torch.sin wants radians.",
        "share of the context": "The positions were divided by context_length: a place must not depend on "
        "how long the table is.",
        "times 2 pi": "The angles are multiplied by 2π: the formula has no 2π.",
        "transposed": "Positions and columns are swapped: a position is a row.",
    }  # fmt: skip

    def cases(self):
        yield Case("five places, two columns", ("first columns",), _table(5, 2))
        yield Case("seven places, eight columns", ("all columns",), _table(7, 8))
        yield Case("eleven places, six columns", ("all columns",), _table(11, 6))
        yield Case("dtype", ("dtype",), _table(4, 6))
        yield Case("five columns", ("odd d_model",), _table(4, 5))

    def probe(self, answer, inputs):
        if inputs["d_model"] % 2:
            return call(answer, *inputs.values())
        return super().probe(answer, inputs)

    def comparable(self, case, seen):
        value = seen["value"] if _has(seen, "value") else seen
        return value.float() if isinstance(value, torch.Tensor) else value

    def verdict(self, case, seen):
        right, aspect = case.expected["right"], case.aspects[0]
        if aspect == "odd d_model":
            yield from _refused(self, case, seen, "an odd d_model has a column without a partner")
        elif aspect == "dtype":
            differs = compare(right, seen)
            if differs and differs.layer not in ("NaN", "value"):
                yield Finding(aspect, differs.message + ".")
            elif seen["requires_grad"]:
                yield Finding(aspect, "The table requires a gradient: it is fixed, not learned.")
        elif isinstance(seen["value"], torch.Tensor) and seen["value"].dim() == 3:
            shape = tuple(seen["value"].shape)
            message = f"the result has shape {shape}, expected {tuple(right.shape)}: no batch axis."
            yield Finding(aspect, message)
        else:
            value = self.comparable(case, seen)
            for finding in self.tensor_findings(case, seen | {"value": value}, right, known=value):
                if _turns_faster(value, right):
                    message = "The angle grows from pair to pair: divide the position by 10000^(2i / d_model)."
                    finding = replace(finding, message=message)
                yield finding


def _turns_faster(value, right: torch.Tensor) -> bool:
    """Whether the second pair of columns was multiplied where it should be divided.

    Large angles are not the same on all machines, so this looks at the first places only.
    """
    if not isinstance(value, torch.Tensor) or value.shape != right.shape or min(right.shape) < 4:
        return False
    faster = 10000.0 ** (2 / right.shape[1])
    wanted = torch.tensor([[math.sin(p * faster), math.cos(p * faster)] for p in (1, 2)])
    return torch.allclose(value[1:3, 2:4], wanted, atol=1e-3)


def _table(context_length: int, d_model: int) -> dict:
    return {"context_length": context_length, "d_model": d_model}


class TokenAndPosition(Question):
    name = "lab02.TokenAndPosition"
    aspects = {"sum": 1, "sinusoidal": 1, "learned": 0.75, "moves": 0.5, "too long": 0.75}
    needs = {"too long": "sum", "moves": "sum"}
    hints = (
        "Two parts: nn.Embedding is a table for tokens that learns. For the places you need a table "
        "too. What is the difference between a parameter and a buffer?",
        'self.register_buffer("position", table) keeps a tensor with the module without training it; '
        "nn.Parameter(table) trains it. forward needs as many rows of it as there are tokens in a row.",
        "forward: time = ids.shape[1]; refuse time > context_length with a ValueError; return "
        "self.token(ids) + self.position[:time], which broadcasts over the batch.",
    )
    mistakes = {
        "positions twice": "The positions are added twice.",
        "no positions": "The positions are missing: add the row of its place to each token's vector.",
        "no tokens": "The tokens' vectors are missing: only positions came back.",
        "by row": "The place was counted along the batch: it is the second dimension of ids, the time.",
        "last rows": "The last rows of the position table were used: the first token is at place 0.",
        "from 1": "The places are counted from 1: the first token is at place 0.",
        "by id": "The position table was indexed with the ids: index it with the places 0, 1, 2, ….",
        "first place": "Every token got the vector of place 0: each place has its own row.",
        "last place": "Every token got the vector of the same, last place: self.position[time] is one "
        "row, self.position[:time] are the rows.",
        "scaled": "The tokens' vectors are multiplied by the square root of d_model, which the task "
        "does not ask for (the Transformer of lab 5 does).",
        "scaled down": "The tokens' vectors are divided by the square root of d_model, which the task "
        "does not ask for.",
        "multiplied": "Tokens and positions are multiplied: add them.",
        "side by side": "Tokens and positions stand side by side: add them, and the width stays d_model.",
        "mean": "Tokens and positions were averaged: add them.",
        "normalised": "The sum went through a layer norm, which the task does not ask for.",
    }  # fmt: skip

    def cases(self):
        sizes = {"vocab_size": 7, "context_length": 6, "d_model": 4}
        n = torch.arange(28.0)
        token = (n * 5 % 17 - 8).reshape(7, 4)
        position = (torch.arange(24.0) * 7 % 13 / 4).reshape(6, 4) + 20
        weights = {"token": token, "position": position}
        ids = torch.tensor([[3, 1, 4, 1, 5], [2, 0, 0, 3, 5]])
        whole = torch.tensor([[3, 1, 4, 1, 5, 0]])
        fixed, learned = sizes | {"learned": False}, sizes | {"learned": True}
        yield Case("two rows of five, learned", ("sum",), learned | weights | {"ids": ids})
        yield Case("two rows of five, sinusoidal", ("sum",), fixed | weights | {"ids": ids})
        yield Case("as long as the context", ("sum",), fixed | weights | {"ids": whole})
        none = {"token": None, "position": None, "ids": ids}
        yield Case("the sinusoidal table", ("sinusoidal",), fixed | none)
        yield Case("the learned table", ("learned",), learned | weights | {"ids": ids})
        yield Case("in bfloat16", ("moves",), fixed | weights | {"ids": ids})
        long = torch.tensor([[3, 1, 4, 1, 5, 0, 2]])
        yield Case("seven tokens, context 6", ("too long",), fixed | weights | {"ids": long})
        yield Case("seven tokens, learned", ("too long",), learned | weights | {"ids": long})

    def probe(self, answer, inputs):
        vocab_size, context_length, d_model, learned, token, position, ids = inputs.values()
        named = {"learned": True} if learned else {}  # sinusoidal is the default
        module = answer(vocab_size, context_length, d_model, **named)
        if not isinstance(module, nn.Module):
            return None if module is None else {"kind": type_name(module)}
        named = module.named_parameters(remove_duplicate=False)
        seen = {
            "table": tensor_facts(getattr(module, "position", None)),
            "parameters": {n: tuple(p.shape) for n, p in named},
            "trained": sum(p.numel() for p in module.parameters() if p.requires_grad),
            "buffers": {n: tuple(b.shape) for n, b in module.named_buffers()},
        }
        if token is None:
            return seen
        seen["misfit"] = fill(module, {"token.weight": token}) or _place(module, position)
        if seen["misfit"] is None:
            seen |= _forward(module, ids, context_length)
        return seen

    def comparable(self, case, seen):
        if not isinstance(case.expected["right"], torch.Tensor):
            return case.expected["right"]
        if _has(seen, "call") and "raised" in seen["call"]:
            return RAISES
        name = "table" if case.inputs["token"] is None else "output"
        return seen[name]["value"] if _has(seen, name) else None

    def verdict(self, case, seen):
        aspect = case.aspects[0]
        if not _has(seen, "parameters"):
            found = with_article(seen["kind"] if _has(seen, "kind") else kind_of(seen))
            yield Finding(aspect, f"TokenAndPosition made {found}, expected an nn.Module.")
        elif aspect == "sinusoidal":
            yield from self._sinusoidal(case, seen)
        elif seen["misfit"]:
            weights = {
                "token.weight": case.inputs["token"],
                "position": case.inputs["position"],
            }
            yield from self.misfit(case, seen["misfit"], weights)
        elif aspect == "too long":
            reason = "there is no position for tokens beyond context_length"
            yield from _refused(self, case, seen["call"], reason)
        elif aspect == "learned" and not _learned(seen):
            message = (
                "With learned=True the position table must be a parameter that the optimizer trains: "
                "nn.Parameter."
            )
            yield Finding(aspect, message)
        elif "raised" in seen["call"]:
            error = seen["call"]
            said = "" if case.hidden else f": {error['message']}"
            yield Finding(aspect, f"forward raised {error['raised']}{said}.", case.name)
        elif seen["output"]["kind"] != "torch.Tensor":
            found = with_article(seen["output"]["kind"])
            yield Finding(aspect, f"forward returned {found}, expected a torch.Tensor.")
        elif aspect == "learned":
            yield from self._gradient(case, seen)
        elif aspect == "moves":
            yield from self._moves(seen)
        else:
            yield from self.tensor_findings(case, seen["output"], case.expected["right"])
            if not same(seen["output"]["value"], seen["training"]["value"]):
                message = (
                    "The output in train mode differs from eval mode: no dropout is asked for."
                )
                yield Finding(aspect, message)

    def _sinusoidal(self, case, seen):
        right, sizes = case.expected["right"], case.inputs
        facts = seen["table"]
        if facts["kind"] == "torch.nn.modules.sparse.Embedding" or "position" in seen["parameters"]:
            message = (
                "Without learned, position is a parameter: an optimizer or a count of parameters would "
                "take it along. It is fixed, so register it as a buffer."
            )
        elif "position" not in seen["buffers"] and isinstance(facts["value"], torch.Tensor):
            message = (
                "position is a plain attribute: .to() will not move it, and state_dict does not save "
                "it. Use register_buffer."
            )
        elif "position" not in seen["buffers"]:
            message = "TokenAndPosition has no buffer named position."
        elif compare(right, facts | {"kind": "torch.Tensor"}, "the buffer position"):
            differs = compare(right, facts | {"kind": "torch.Tensor"}, "the buffer position")
            message = f"{differs.message}: it is what sinusoidal_positions returns."
        elif seen["trained"] != sizes["vocab_size"] * sizes["d_model"]:
            wanted = sizes["vocab_size"] * sizes["d_model"]
            message = f"The module trains {seen['trained']} numbers, expected {wanted}: vocab_size × d_model."
        else:
            return
        yield Finding("sinusoidal", message, case.name)

    def _gradient(self, case, seen):
        gradient, time = seen["gradient"], case.inputs["ids"].shape[1]
        if gradient is None or not gradient[:time].any(1).all():
            message = "No gradient reaches the position table, so it could never learn."
            yield Finding("learned", message)

    def _moves(self, seen):
        moved, there = seen["moved"], seen["there"]
        if not seen["position_moved"]:
            message = (
                "The position table stays behind when the module is moved with .to(): use a buffer or "
                "a parameter."
            )
        elif "raised" in moved or "raised" in there:
            message = f"forward raised {moved.get('raised') or there['raised']} after .to()."
        elif moved["dtype"] != "torch.bfloat16":
            message = (
                f"After .to(torch.bfloat16) the output has dtype {moved['dtype']}: a part of the "
                "sum was not moved, or made anew in float32."
            )
        elif there["device"] != seen["device"]:
            message = f"After .to({seen['device']!r}) the output is on {there['device']}."
        else:
            return
        yield Finding("moves", message)


def _place(module: nn.Module, value: torch.Tensor) -> dict | None:
    """Copies `value` into `module.position`, whatever holds it. Returns what does not fit, as `fill`."""
    table = getattr(module, "position", None)
    table = getattr(table, "weight", table)  # an nn.Embedding is welcome too
    if not isinstance(table, torch.Tensor) or table.shape != value.shape:
        shape = tuple(table.shape) if isinstance(table, torch.Tensor) else None
        return {"parameter": "position", "shape": shape}
    with torch.no_grad():
        table.copy_(value)
    return None


def _forward(module: nn.Module, ids: torch.Tensor, context_length: int) -> dict:
    """What a module that has its weights does: in train and eval mode, and after it was moved."""
    module.eval()
    tried = call(module, ids.clone())
    if "raised" in tried or ids.shape[1] > context_length:
        return {"call": tried}
    output = tried["returned"]
    table = getattr(module.position, "weight", module.position)
    gradient = None
    if isinstance(output, torch.Tensor) and output.requires_grad and table.requires_grad:
        (gradient,) = torch.autograd.grad(output.sum(), table, allow_unused=True)
    seen = {"call": {}, "output": tensor_facts(output), "gradient": gradient}
    seen["training"] = tensor_facts(module.train()(ids.clone()))
    device = course.device()
    seen["device"] = device.type
    seen["there"] = _facts_of_call(module.to(device), ids.to(device))
    seen["moved"] = _facts_of_call(module.to("cpu", torch.bfloat16), ids.clone())
    table = getattr(module.position, "weight", module.position)
    seen["position_moved"] = table.dtype == torch.bfloat16
    return seen


def _facts_of_call(module: nn.Module, ids: torch.Tensor) -> dict:
    tried = call(module, ids)
    if "raised" in tried:
        return tried
    facts = tensor_facts(tried["returned"])
    return {"dtype": facts.get("dtype", ""), "device": facts.get("device", "")}


def _learned(seen: dict) -> bool:
    return any(name in seen["parameters"] for name in ("position", "position.weight"))


# --- what several questions use


def _has(seen, key: str) -> bool:
    return isinstance(seen, dict) and key in seen


def _two(result) -> dict | None:
    """What is to be known of a pair of tensors; of anything else its type, and None of None."""
    if isinstance(result, (tuple, list)) and len(result) == 2:
        return {"two": [tensor_facts(part) for part in result]}
    if isinstance(result, (tuple, list)):
        return {"other": f"{type_name(result)} of {len(result)}"}
    return None if result is None else {"other": type_name(result)}


def _not_two(question: Question, case: Case, seen, *names: str):
    """A finding for each aspect where `_two` saw no pair of tensors."""
    message = ""
    if not _has(seen, "two"):
        found = with_article(seen["other"]) if _has(seen, "other") else "something else"
        message = f"{question.answer_name} must return two tensors, {' and '.join(names)}; it returned {found}."
    else:
        for name, facts in zip(names, seen["two"]):
            if not message and not isinstance(facts["value"], torch.Tensor):
                message = f"{name} is {with_article(facts['kind'])}, expected a torch.Tensor."
    for aspect in case.aspects if message else ():
        yield Finding(aspect, message)


def _refused(question: Question, case: Case, seen, reason: str):
    """A finding where bad arguments were not refused with a ValueError."""
    kinds = seen.get("kinds", []) if isinstance(seen, dict) else []
    if "ValueError" in kinds:
        return
    if kinds:
        message = (
            f"{question.answer_name} raised {seen['raised']}, expected a ValueError ({reason})."
        )
    else:
        message = f"{question.answer_name} did not raise a ValueError ({reason})."
    yield Finding(case.aspects[0], message, case.name)
