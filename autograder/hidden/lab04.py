"""Hidden cases and oracles of lab04_attention."""

import math
from random import Random

import torch
from torch import nn
from torch.nn import functional as F

from autograder.hidden import Oracle
from autograder.question import Case
from autograder.questions.lab04 import (
    causal,
    lengths,
    normal,
    qkv,
    to_see_weights,
    weights_in_pairs,
    weights_of,
)  # fmt: skip

INF = float("inf")


# --- attention_scores


def scores(q, k, divisor=None):
    """The right scores, in float32, or those that another divisor gives."""
    q, k = q.float(), k.float()
    return q @ k.transpose(-2, -1) / (math.sqrt(q.shape[-1]) if divisor is None else divisor)


def not_in_low_precision(mistaken):
    """The mistake, which does not show where q is bfloat16: those results agree only roughly."""

    def shown(q, k):
        return scores(q, k) if q.dtype == torch.bfloat16 else mistaken(q, k)

    return shown


SCORES_MISTAKES = {
    "not scaled": lambda q, k: scores(q, k, 1),
    "by time": lambda q, k: scores(q, k, math.sqrt(q.shape[-2])),
    "by the number of keys": lambda q, k: scores(q, k, math.sqrt(k.shape[-2])),
    "without the root": lambda q, k: scores(q, k, q.shape[-1]),
    "multiplied": lambda q, k: scores(q, k, 1 / math.sqrt(q.shape[-1])),
    "by d_model": lambda q, k: scores(q, k, math.sqrt(q.shape[-1] * q.shape[-3])),
    "by the number of heads": lambda q, k: scores(q, k, math.sqrt(q.shape[-3])),
    "fourth root": lambda q, k: scores(q, k, q.shape[-1] ** 0.25),
    "turned round": lambda q, k: scores(k, q),
    "elementwise": lambda q, k: q * k / math.sqrt(q.shape[-1]),
    "along time": lambda q, k: q.transpose(-2, -1) @ k / math.sqrt(q.shape[-1]),
    "heads mixed": lambda q, k: scores(q, k).sum(-3),
    "softmax": lambda q, k: scores(q, k).softmax(-1),
}


def scores_cases(rng: Random):
    both = ("products", "scale")
    for i in range(3):
        width, queries, keys = rng.sample([3, 5, 6, 7], 3)
        q, k = normal(rng, 2, 4, queries, width), normal(rng, 2, 4, keys, width)
        yield Case(f"random {i}", both, {"q": q, "k": k})
    q, k = normal(rng, 3, 2, 6, 7), normal(rng, 3, 2, 6, 7)
    yield Case("as many keys as queries", both, {"q": q, "k": k})
    low = {"q": normal(rng, 2, 4, 16).bfloat16(), "k": normal(rng, 2, 5, 16).bfloat16()}
    yield Case("low precision", ("dtype",), low)


# --- masks

MASK_MISTAKES = {
    "upper triangle": lambda time, device=None: causal(time).T.clone(),
    "True is blocked": lambda time, device=None: ~causal(time),
    "not itself": lambda time, device=None: causal(time, diagonal=-1),
    "one ahead": lambda time, device=None: causal(time, diagonal=1),
    "everything": lambda time, device=None: torch.ones(time, time, dtype=torch.bool),
    "nothing": lambda time, device=None: torch.zeros(time, time, dtype=torch.bool),
    "only itself": lambda time, device=None: torch.eye(time, dtype=torch.bool),
}


def mask_cases(rng: Random):
    for time in rng.sample(range(5, 20), 3):
        yield Case(f"{time} positions, hidden", ("triangle",), {"time": time})
    yield Case("dtype, hidden", ("dtype",), {"time": rng.randint(5, 9)})
    yield Case("device, hidden", ("device",), {"time": rng.randint(5, 9), "device": "meta"})


def masked(scores, mask, blocked=-INF):
    return torch.where(mask, scores, torch.tensor(blocked))


APPLY_MISTAKES = {
    "inverted": lambda scores, mask: masked(scores, ~mask),
    "zeros": lambda scores, mask: masked(scores, mask, 0.0),
    "added": lambda scores, mask: scores + mask,
    "NaN": lambda scores, mask: scores * mask + (~mask) * -INF,
    "transposed": lambda scores, mask: masked(scores, mask.transpose(-2, -1)),
    "plus infinity": lambda scores, mask: masked(scores, mask, INF),
    "unchanged": lambda scores, mask: scores,
}


def random_mask(rng: Random, *shape: int) -> torch.Tensor:
    """A mask that allows each query its own position at least, and is not symmetric."""
    mask = normal(rng, *shape) > 0
    return mask | torch.eye(*shape[-2:], dtype=torch.bool)


def apply_cases(rng: Random):
    for i in range(2):
        time = rng.randint(4, 7)
        block = {"scores": normal(rng, 2, 3, time, time), "mask": random_mask(rng, time, time)}
        yield Case(f"random {i}", ("blocked",), block)
        yield Case(f"input kept {i}", ("input kept",), block)
        yield Case(f"gradient {i}", ("gradient",), block)
    rows = {"scores": normal(rng, 2, 3, 4, 6), "mask": random_mask(rng, 2, 1, 4, 6)}
    yield Case("a mask for each sequence", ("broadcasting",), rows)
    short = {"scores": normal(rng, 3, 2, 4, 6), "mask": lengths(3, 6, 0, time=6)}
    yield Case("padding, hidden", ("broadcasting",), short)


# --- softmax


def softmax(x, dim):
    weights = torch.softmax(x, dim)
    return torch.where((x == -INF).all(dim, keepdim=True), torch.tensor(0.0), weights)


def softmax_by_hand(x, dim, largest=None, total_dim=None):
    """The formula step by step: a row of -inf gives NaN."""
    e = torch.exp(x - (x.amax(dim, keepdim=True) if largest is None else largest(x)))
    return e / e.sum(dim if total_dim is None else total_dim, keepdim=True)


SOFTMAX_MISTAKES = {
    "last axis": lambda x, dim: softmax(x, -1),
    "first axis": lambda x, dim: softmax(x, 0),
    "whole tensor": lambda x, dim: softmax(x.flatten(), 0).reshape(x.shape),
    "no exp": lambda x, dim: x / x.sum(dim, keepdim=True),
    "log": lambda x, dim: torch.log_softmax(x, dim),
    "not divided": lambda x, dim: torch.exp(x - x.amax(dim, keepdim=True)),
    "overflow": lambda x, dim: softmax_by_hand(x, dim, largest=lambda x: 0),
    "one largest": lambda x, dim: softmax_by_hand(x, dim, largest=torch.max),
    "largest along the last axis": lambda x, dim: softmax_by_hand(
        x, dim, largest=lambda x: x.amax(-1, keepdim=True)
    ),
    "sum along the last axis": lambda x, dim: softmax_by_hand(x, dim, total_dim=-1),
    "opposite sign": lambda x, dim: softmax(-x, dim),
    "masked rows NaN": softmax_by_hand,
    "masked rows uniform": lambda x, dim: torch.softmax(x.clamp(min=-1e9), dim),
    "unchanged": lambda x, dim: x,
}


def softmax_cases(rng: Random):
    for i in range(2):
        yield Case(f"random {i}", ("weights",), {"x": normal(rng, 3, rng.randint(4, 7)), "dim": -1})
        x = normal(rng, 2, 3, 4, 5)
        for dim in (0, 1, -2):
            yield Case(f"dim {dim}, {i}", ("axis",), {"x": x, "dim": dim})
        x = normal(rng, 4, 5) + torch.tensor([[2e4], [-2e4], [0.0], [300.0]])
        yield Case(f"large {i}", ("large scores",), {"x": x, "dim": -1})
        mask = random_mask(rng, 4, 5)
        mask[rng.randrange(4)] = False
        x = masked(normal(rng, 4, 5), mask)
        yield Case(f"masked {i}", ("masked rows",), {"x": x, "dim": -1})
        yield Case(f"masked columns {i}", ("masked rows",), {"x": x.T.clone(), "dim": 0})


# --- causal_attention


def attention(q, k, v, dropout_p=0.0, training=False):
    """PyTorch's own, in float32 and without dropout."""
    return F.scaled_dot_product_attention(q.float(), k.float(), v.float(), is_causal=True)


def attend(q, k, v, mask, divisor=None, dim=-1, order="before", blocked=-INF, safe=True, mix="v"):
    """Attention step by step, right or with one of the switches wrong."""
    x = scores(q, k, divisor)
    if mask is not None and order == "before":
        x = masked(x, mask, blocked)
    if mask is not None and order == "added":
        x = x + mask
    weights = x if dim is None else softmax(x, dim) if safe else torch.softmax(x, dim)
    if mask is not None and order == "after":
        weights = masked(weights, mask, blocked)
    if mix == "weights":
        return weights
    weights = weights.transpose(-2, -1) if mix == "transposed" else weights
    return weights @ (k if mix == "k" else v)


def mistaken_attention(diagonal=0, turned=False, mask=True, **switches):
    """An attention with a mistake, which does not show where another thing is asked for."""

    def mistaken(q, k, v, dropout_p=0.0, training=False):
        if q.dtype == torch.bfloat16 or dropout_p:
            return attention(q, k, v)
        allowed = causal(q.shape[-2], diagonal=diagonal) if mask else None
        options = {name: value(q) if callable(value) else value for name, value in switches.items()}
        return attend(q, k, v, allowed.T if turned else allowed, **options)

    return mistaken


def per_head(q):
    return q.shape[-1]


ATTENTION_MISTAKES = {
    "not scaled": mistaken_attention(divisor=1),
    "by time": mistaken_attention(divisor=lambda q: math.sqrt(q.shape[-2])),
    "without the root": mistaken_attention(divisor=per_head),
    "by d_model": mistaken_attention(divisor=lambda q: math.sqrt(q.shape[-1] * q.shape[-3])),
    "over queries": mistaken_attention(dim=-2),
    "over heads": mistaken_attention(dim=1),
    "no softmax": mistaken_attention(dim=None, blocked=0.0),
    "no mask": mistaken_attention(mask=False),
    "transposed": mistaken_attention(turned=True),
    "one ahead": mistaken_attention(diagonal=1),
    "not itself": mistaken_attention(diagonal=-1),
    "not itself, NaN": mistaken_attention(diagonal=-1, safe=False),
    "inverted": mistaken_attention(diagonal=-1, turned=True),
    "inverted, NaN": mistaken_attention(diagonal=-1, turned=True, safe=False),
    "after softmax": mistaken_attention(order="after", blocked=0.0),
    "-inf after softmax": mistaken_attention(order="after"),
    "zeros before softmax": mistaken_attention(blocked=0.0),
    "weights": mistaken_attention(mix="weights"),
    "keys for values": mistaken_attention(mix="k"),
    "weights transposed": mistaken_attention(mix="transposed"),
}


def attention_cases(rng: Random):
    whole = ("mixture", "scale", "mask")
    for i in range(2):
        heads, time, width = rng.sample([2, 3, 5, 6, 7], 3)
        yield Case(f"random {i}", whole, qkv(rng, 2, heads, time, width, scale=1.5))
    yield Case("wider values, hidden", whole, qkv(rng, 2, 3, 5, 4, value_width=6))
    low = {name: x.bfloat16() for name, x in qkv(rng, 1, 3, 5, 4).items()}
    yield Case("low precision", ("dtype and device",), low)
    p = rng.choice([0.2, 0.3])
    off = qkv(rng, 2, 3, 5, 4) | {"dropout_p": p, "training": False}
    yield Case("evaluation", ("dropout",), off)
    yield Case("training", ("dropout",), to_see_weights(rng, 12, 4, 8, p))


# --- heads


def split(x, n_heads):
    if x.shape[-1] % n_heads:
        return None
    return x.unflatten(-1, (n_heads, -1)).transpose(1, 2)


def widths(x, n_heads):
    return (*x.shape[:2], n_heads, x.shape[-1] // n_heads)


def mistaken_split(mistaken):
    def cut(x, n_heads):
        return None if x.shape[-1] % n_heads else mistaken(x, *widths(x, n_heads))

    return cut


SPLIT_MISTAKES = {
    "reshape alone": mistaken_split(lambda x, b, t, h, w: x.reshape(b, h, t, w)),
    "not transposed": mistaken_split(lambda x, b, t, h, w: x.reshape(b, t, h, w)),
    "interleaved": mistaken_split(lambda x, b, t, h, w: x.reshape(b, t, w, h).permute(0, 3, 1, 2)),
    "width before time": mistaken_split(
        lambda x, b, t, h, w: x.reshape(b, t, h, w).permute(0, 2, 3, 1)
    ),
    "heads first": mistaken_split(lambda x, b, t, h, w: x.reshape(b, t, h, w).permute(2, 0, 1, 3)),
    "counts exchanged": mistaken_split(lambda x, b, t, h, w: x.reshape(b, t, w, h).transpose(1, 2)),
    "transposed first": mistaken_split(lambda x, b, t, h, w: x.transpose(1, 2).reshape(b, h, t, w)),
    "cut along time": mistaken_split(
        lambda x, b, t, h, w: torch.stack(x.chunk(h, dim=1), dim=1) if t % h == 0 else x
    ),
}


def split_cases(rng: Random):
    for i in range(3):
        n_heads, time, width = rng.sample([2, 3, 4, 5, 7], 3)
        x = normal(rng, 2, time, n_heads * width)
        yield Case(f"random {i}", ("heads",), {"x": x, "n_heads": n_heads})
    x = normal(rng, 2, 3, 11)
    yield Case("heads that do not fit, hidden", ("refusal",), {"x": x, "n_heads": 4})


def merge(x):
    return x.transpose(1, 2).flatten(2)


MERGE_MISTAKES = {
    "reshape alone": lambda x: x.reshape(x.shape[0], x.shape[2], -1),
    "interleaved": lambda x: x.permute(0, 2, 3, 1).flatten(2),
    "not reshaped": lambda x: x.transpose(1, 2),
    "time and width mixed": lambda x: x.transpose(-2, -1).reshape(x.shape[0], x.shape[2], -1),
    "heads summed": lambda x: x.sum(1),
    "heads averaged": lambda x: x.mean(1),
    "along time": lambda x: x.flatten(1, 2),
    "heads reversed": lambda x: merge(x.flip(1)),
}


def merge_cases(rng: Random):
    for i in range(3):
        heads, time, width = rng.sample([2, 3, 4, 5, 7], 3)
        x = normal(rng, 2, heads, time, width)
        yield Case(f"random {i}", ("heads",), {"x": x})
    x = normal(rng, 2, 5, 3, 4).transpose(1, 2)
    yield Case("strides", ("heads",), {"x": x})


# --- MultiHeadAttention


def multi_head(d_model, n_heads, x=None, mask=None, memory=None, weights=None, dropout=0.0):
    """nn.MultiheadAttention with these weights; where a query may look at nothing, its heads give 0."""
    if x is None:
        return None
    weights, x = {name: value.float() for name, value in weights.items()}, x.float()
    memory = x if memory is None else memory
    library = nn.MultiheadAttention(d_model, n_heads, batch_first=True).eval()
    with torch.no_grad():
        for part in ("weight", "bias"):
            joined = torch.cat([weights[f"{layer}.{part}"] for layer in ("query", "key", "value")])
            getattr(library, f"in_proj_{part}").copy_(joined)
            getattr(library.out_proj, part).copy_(weights[f"output.{part}"])
        if mask is None:
            return library(x, memory, memory, need_weights=False)[0]
        shape = (len(x), n_heads, x.shape[1], memory.shape[1])
        blocked = ~mask.expand(shape)
        y, _ = library(x, memory, memory, attn_mask=blocked.flatten(0, 1), need_weights=False)
        nothing = blocked.all(-1).all(1)[..., None]
        return torch.where(nothing, weights["output.bias"], y)


def mistaken_multi_head(
    cut=split, join=merge, only=None, heads=None, layers=("query", "key", "value"), output=True,
    residual=False, mask_of=lambda mask, time: mask, keys_of="memory", values_of="memory",
    queries_of="x", **switches,
):  # fmt: skip
    """Multi-head attention with a mistake; `only` is the input without which it does not show."""

    def mistaken(d_model, n_heads, x=None, mask=None, memory=None, weights=None, dropout=0.0):
        given = {"mask": mask, "memory": memory}
        skip = x is None or x.dtype == torch.bfloat16 or dropout
        if skip or (only and given[only] is None):
            return multi_head(d_model, n_heads, x, mask, memory, weights, dropout)
        sources = {"x": x, "memory": x if memory is None else memory}
        parts = [
            F.linear(sources[source], weights[f"{layer}.weight"], weights[f"{layer}.bias"])
            for layer, source in zip(layers, (queries_of, keys_of, values_of))
        ]
        q, k, v = (cut(part, heads or n_heads) for part in parts)
        options = {name: value(q) if callable(value) else value for name, value in switches.items()}
        y = join(attend(q, k, v, mask_of(mask, x.shape[1]), **options))
        if output:
            y = F.linear(y, weights["output.weight"], weights["output.bias"])
        return y + x if residual else y

    return mistaken


def reshaped(x, n_heads):
    return x.reshape(len(x), n_heads, x.shape[1], -1)


def joined_by_reshape(x):
    return x.reshape(len(x), x.shape[2], -1)


def interleaved(x, n_heads):
    return x.unflatten(-1, (-1, n_heads)).permute(0, 3, 1, 2)


MULTI_HEAD_MISTAKES = {
    "not scaled": mistaken_multi_head(divisor=1),
    "by time": mistaken_multi_head(divisor=lambda q: math.sqrt(q.shape[-2])),
    "without the root": mistaken_multi_head(divisor=per_head),
    "by d_model": mistaken_multi_head(divisor=lambda q: math.sqrt(q.shape[-1] * q.shape[-3])),
    "over queries": mistaken_multi_head(dim=-2),
    "over heads": mistaken_multi_head(dim=1),
    "no softmax": mistaken_multi_head(dim=None, blocked=0.0),
    "heads by reshape": mistaken_multi_head(cut=reshaped),
    "heads by reshape, both ways": mistaken_multi_head(cut=reshaped, join=joined_by_reshape),
    "merged by reshape": mistaken_multi_head(join=joined_by_reshape),
    "interleaved": mistaken_multi_head(
        cut=interleaved, join=lambda x: x.permute(0, 2, 3, 1).flatten(2)
    ),
    "one head": mistaken_multi_head(heads=1),
    "no output layer": mistaken_multi_head(output=False),
    "one projection": mistaken_multi_head(layers=("query", "query", "query")),
    "keys for values": mistaken_multi_head(mix="k"),
    "residual": mistaken_multi_head(residual=True),
    "always causal": mistaken_multi_head(
        mask_of=lambda mask, time: causal(time) if mask is None else mask
    ),
    "mask inverted": mistaken_multi_head(only="mask", mask_of=lambda mask, time: ~mask),
    "mask ignored": mistaken_multi_head(only="mask", mask_of=lambda mask, time: None),
    "mask transposed": mistaken_multi_head(
        only="mask", mask_of=lambda mask, time: mask.transpose(-2, -1)
    ),
    "after softmax": mistaken_multi_head(only="mask", order="after", blocked=0.0),
    "zeros before softmax": mistaken_multi_head(only="mask", blocked=0.0),
    "added": mistaken_multi_head(only="mask", order="added"),
    "masked rows NaN": mistaken_multi_head(only="mask", safe=False),
    "masked rows uniform": mistaken_multi_head(only="mask", blocked=-1e9),
    "memory ignored": mistaken_multi_head(only="memory", keys_of="x", values_of="x"),
    "memory asks": mistaken_multi_head(
        only="memory", queries_of="memory", keys_of="x", values_of="x"
    ),
    "values from x": mistaken_multi_head(only="memory", values_of="x"),
    "keys from x": mistaken_multi_head(only="memory", keys_of="x"),
    "all from memory": mistaken_multi_head(only="memory", queries_of="memory"),
}


def multi_head_cases(rng: Random):
    sizes = {"d_model": 20, "n_heads": 5}
    plain = sizes | {"x": normal(rng, 2, 3, 20), "mask": None, "memory": None}
    plain["weights"] = weights_of(rng, 20, 0.4)
    yield Case("random", ("self-attention",), plain)
    x = normal(rng, 3, 6, 20)
    yield Case("causal, hidden", ("mask",), plain | {"x": x, "mask": causal(6)})
    mask = random_mask(rng, 3, 5, 6, 6)
    yield Case("a mask for each head", ("mask",), plain | {"x": x, "mask": mask})
    memory = normal(rng, 3, 4, 20)
    yield Case("memory, hidden", ("memory",), plain | {"x": x, "memory": memory})
    short = {"x": x, "memory": memory, "mask": lengths(4, 2, 3, time=4)}
    yield Case("memory with padding", ("memory",), plain | short)
    yield Case("padding, hidden", ("padding",), plain | {"x": x, "mask": lengths(6, 2, 0, time=6)})
    low = {name: value.bfloat16() for name, value in weights_of(rng, 20, 0.25).items()}
    low = {"x": x[:1].bfloat16(), "mask": causal(6), "weights": low}
    yield Case("low precision", ("dtype and device",), plain | low)
    dropped = {"x": x[:1].clone(), "weights": weights_in_pairs(rng, 20), "dropout": 0.25}
    yield Case("dropout, hidden", ("dropout",), plain | dropped)
    yield Case("does not fit, hidden", ("refusal",), {"d_model": 14, "n_heads": 4})


# --- attention_flops


def flops_cases(rng: Random):
    both = ("projections", "scores and mixing")
    for i in range(3):
        batch, time, d_model = rng.sample(range(2, 90), 3)
        yield Case(f"random {i}", both, {"batch": batch, "time": time, "d_model": d_model})


ORACLES = {
    "attention_scores": Oracle(
        scores_cases,
        scores,
        {name: not_in_low_precision(mistaken) for name, mistaken in SCORES_MISTAKES.items()},
    ),
    "causal_mask": Oracle(mask_cases, lambda time, device=None: causal(time), MASK_MISTAKES),
    "apply_mask": Oracle(apply_cases, masked, APPLY_MISTAKES),
    "softmax": Oracle(softmax_cases, softmax, SOFTMAX_MISTAKES),
    "causal_attention": Oracle(attention_cases, attention, ATTENTION_MISTAKES),
    "split_heads": Oracle(split_cases, split, SPLIT_MISTAKES),
    "merge_heads": Oracle(merge_cases, merge, MERGE_MISTAKES),
    "MultiHeadAttention": Oracle(multi_head_cases, multi_head, MULTI_HEAD_MISTAKES),
    "attention_flops": Oracle(flops_cases),
}
