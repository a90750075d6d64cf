"""Hidden cases and oracles of lab03_language_models."""

import math
from random import Random

import torch
import torch.nn.functional as F

from autograder.hidden import Oracle
from autograder.question import Case
from autograder.questions.lab03 import (
    SIZES,
    Toy,
    leave_old_gradients,
    neural_weights,
    toy_batches,
    toy_optimizer,
    toy_weights,
)


def generator_of(rng: Random) -> torch.Generator:
    return torch.Generator().manual_seed(rng.randrange(2**31))


# --- bigram_model


def pair_counts(ids, vocab_size, before=None, after=None):
    before = ids[:-1] if before is None else before
    after = ids[1:] if after is None else after
    table = torch.zeros(vocab_size, vocab_size)
    return table.index_put_((before, after), torch.ones(len(before)), accumulate=True)


def bigram(ids, vocab_size, alpha, counts=None):
    smoothed = (pair_counts(ids, vocab_size) if counts is None else counts) + alpha
    sums = smoothed.sum(1, keepdim=True)
    return torch.where(sums > 0, smoothed / sums, torch.tensor(1 / vocab_size))


def bigram_columns(ids, vocab_size, alpha):
    smoothed = pair_counts(ids, vocab_size) + alpha
    return smoothed / smoothed.sum(0, keepdim=True)


def bigram_joint(ids, vocab_size, alpha):
    smoothed = pair_counts(ids, vocab_size) + alpha
    return smoothed / smoothed.sum()


def bigram_occurrences(ids, vocab_size, alpha):
    smoothed = pair_counts(ids, vocab_size) + alpha
    return smoothed / (torch.bincount(ids, minlength=vocab_size) + alpha * vocab_size)[:, None]


def bigram_sums(ids, vocab_size, alpha, weight):
    """The rows divided by their counts plus `weight` times alpha."""
    counts = pair_counts(ids, vocab_size)
    return (counts + alpha) / (counts.sum(1, keepdim=True) + weight * alpha)


def bigram_seen_only(ids, vocab_size, alpha):
    counts = pair_counts(ids, vocab_size)
    counts = torch.where(counts > 0, counts + alpha, counts)
    return counts / counts.sum(1, keepdim=True)


def bigram_rows(ids, vocab_size, alpha, fill):
    """The right answer, but with `fill` in rows of contexts that were never seen."""
    seen = pair_counts(ids, vocab_size).sum(1, keepdim=True) > 0
    right = bigram(ids, vocab_size, alpha)
    return torch.where(seen | (alpha > 0 and fill != 0), right, torch.tensor(fill))


def no_context(ids, vocab_size, alpha):
    smoothed = torch.bincount(ids, minlength=vocab_size).float() + alpha
    return (smoothed / smoothed.sum()).repeat(vocab_size, 1)


BIGRAM_MISTAKES = {
    "transposed": lambda ids, v, a: bigram(ids, v, a, pair_counts(ids, v).T),
    "columns": bigram_columns,
    "joint": bigram_joint,
    "counted once": lambda ids, v, a: bigram(ids, v, a, pair_counts(ids, v).clamp(max=1)),
    "counts": lambda ids, v, a: pair_counts(ids, v) + a,
    "softmax": lambda ids, v, a: torch.softmax(pair_counts(ids, v) + a, dim=1),
    "divided by occurrences": bigram_occurrences,
    "alpha forgotten": lambda ids, v, a: bigram_sums(ids, v, 0, 0),
    "always one": lambda ids, v, a: bigram(ids, v, 1.0),
    "alpha above only": lambda ids, v, a: bigram_sums(ids, v, a, 0),
    "alpha once below": lambda ids, v, a: bigram_sums(ids, v, a, 1),
    "alpha after": lambda ids, v, a: bigram(ids, v, 0) + a,
    "seen pairs only": bigram_seen_only,
    "wraps around": lambda ids, v, a: bigram(
        ids, v, a, pair_counts(ids, v, ids, torch.roll(ids, -1))
    ),
    "last pair missing": lambda ids, v, a: bigram(ids[:-1], v, a),
    "every second": lambda ids, v, a: bigram(
        ids, v, a, pair_counts(ids, v, ids[: len(ids) // 2 * 2 : 2], ids[1::2])
    ),
    "no context": no_context,
    "logs": lambda ids, v, a: bigram(ids, v, a).log(),
    "NaN rows": lambda ids, v, a: bigram_rows(ids, v, a, math.nan),
    "zero rows": lambda ids, v, a: bigram_rows(ids, v, a, 0.0),
}


def bigram_cases(rng: Random):
    for i in range(2):
        generator = generator_of(rng)
        ids = torch.randint(6, (60,), generator=generator)
        ids = torch.cat(
            [torch.arange(6), ids, torch.tensor([5, 0])]
        )  # every context has a successor
        plain = {"ids": ids, "vocab_size": 6}
        yield Case(f"random ids {i}", ("counts",), plain | {"alpha": 0.0})
        yield Case(f"smoothed {i}", ("smoothing",), plain | {"alpha": rng.choice([0.1, 0.3, 3.0])})
        few = {"ids": ids[:40] % 5 + 2, "vocab_size": 9}
        yield Case(f"never seen {i}", ("unseen contexts",), few | {"alpha": rng.choice([0.0, 0.7])})
    one = {"ids": torch.tensor([1]), "vocab_size": 3}
    yield Case("one token", ("unseen contexts",), one | {"alpha": 0.0})


# --- cross_entropy


def log_softmax_one_maximum(logits):
    moved = logits - logits.max()
    return moved - moved.exp().sum(-1, keepdim=True).log()


def of_target(values, targets):
    return values.gather(-1, targets[:, None])[:, 0]


CROSS_ENTROPY_MISTAKES = {
    "sum": lambda z, y: F.cross_entropy(z, y, reduction="sum"),
    "per row": lambda z, y: F.cross_entropy(z, y, reduction="none"),
    "base 2": lambda z, y: F.cross_entropy(z, y) / math.log(2),
    "negative": lambda z, y: -F.cross_entropy(z, y),
    "over the batch": lambda z, y: -of_target(z.log_softmax(0), y).mean(),
    "all rows": lambda z, y: -z.log_softmax(-1)[:, y].mean(),
    "not normalised": lambda z, y: -of_target(z, y).mean(),
    "probability": lambda z, y: -of_target(z.softmax(-1), y).mean(),
    "log of the mean": lambda z, y: -of_target(z.softmax(-1), y).mean().log(),
    "divided by all": lambda z, y: F.cross_entropy(z, y) / z.shape[-1],
    "softmax twice": lambda z, y: F.cross_entropy(z.softmax(-1), y),
    "largest": lambda z, y: F.cross_entropy(z, z.argmax(-1)),
    "epsilon": lambda z, y: -(of_target(z.softmax(-1), y) + 1e-9).log().mean(),
    "clamped": lambda z, y: F.cross_entropy(z.clamp(-50, 50), y),
    "one maximum": lambda z, y: -of_target(log_softmax_one_maximum(z), y).mean(),
}


def cross_entropy_cases(rng: Random):
    for i in range(3):
        generator = generator_of(rng)
        logits = 2 * torch.randn(5, 7, generator=generator)
        inputs = {"logits": logits, "targets": torch.tensor(rng.sample(range(7), 5))}
        yield Case(f"random logits {i}", ("value",), inputs)
        yield Case(f"random gradient {i}", ("gradient",), inputs)
        apart = 1e4 * torch.tensor([[1.0], [0.0], [-1.0], [0.5], [-0.5]])
        yield Case(f"far apart {i}", ("stability",), inputs | {"logits": logits + apart})
        yield Case(f"huge {i}", ("stability",), inputs | {"logits": 5e3 * logits})
    yield Case("bfloat16", ("value",), inputs | {"logits": logits.bfloat16()})


# --- perplexity and bits_per_byte


def perplexity(loss):
    return math.inf if loss > 700 else math.exp(loss)


PERPLEXITY_MISTAKES = {
    "base 2": lambda loss: math.inf if loss > 1000 else 2.0**loss,
    "base 10": lambda loss: math.inf if loss > 300 else 10.0**loss,
    "negative": lambda loss: math.exp(-loss),
    "logarithm": lambda loss: math.log(loss),
    "bits": lambda loss: loss / math.log(2),
    "unchanged": lambda loss: loss,
    "minus one": lambda loss: perplexity(loss) - 1,
    "capped": lambda loss: math.exp(min(loss, 700.0)),
}


def perplexity_cases(rng: Random):
    for i in range(3):
        yield Case(f"random loss {i}", ("value",), {"loss": rng.uniform(1.5, 9.0)})
    yield Case("huge loss", ("very large loss",), {"loss": rng.uniform(2e3, 2e4)})


def bits_per_byte(loss, n_tokens, n_bytes):
    return loss * n_tokens / n_bytes / math.log(2)


BITS_MISTAKES = {
    "nats": lambda loss, t, b: loss * t / b,
    "times ln 2": lambda loss, t, b: loss * t / b * math.log(2),
    "upside down": lambda loss, t, b: loss * b / t / math.log(2),
    "nats, upside down": lambda loss, t, b: loss * b / t,
    "per token": lambda loss, t, b: loss / math.log(2),
    "whole text": lambda loss, t, b: loss * t / math.log(2),
    "eighth": lambda loss, t, b: loss * t / b / math.log(2) / 8,
    "logarithm": lambda loss, t, b: math.log2(loss) * t / b,
    "base 10": lambda loss, t, b: loss * t / b / math.log(10),
    "whole numbers": lambda loss, t, b: loss * (t // b) / math.log(2),
    "bits and nats of perplexity": lambda loss, t, b: math.exp(loss) * t / b / math.log(2),
}


def bits_cases(rng: Random):
    for i in range(3):
        n = rng.randrange(1000, 9000)
        loss = rng.uniform(1.5, 6.0)
        yield Case(f"random loss {i}", ("bits",), {"loss": loss, "n_tokens": n, "n_bytes": n})
        inputs = {"loss": loss, "n_tokens": n, "n_bytes": int(n * rng.uniform(2.1, 4.8))}
        yield Case(f"random text {i}", ("per byte",), inputs)


# --- NeuralLM


def neural(
    vocab_size,
    context_length,
    d_model,
    n_hidden,
    direct,
    seed,
    ids,
    activation=torch.tanh,
    joined=lambda x: x.flatten(1),
    after=lambda logits: logits,
    straight=lambda x: x,
    alone=False,
    skip=False,
):
    """The right answer, or with one of the switches a wrong one."""
    w = neural_weights(seed, direct, vocab_size, context_length, d_model, n_hidden)
    x = joined(w["embedding.weight"][ids])
    hidden = activation(x @ w["hidden.weight"].T + w["hidden.bias"])
    logits = hidden @ w["output.weight"].T + w["output.bias"]
    if direct and not skip:
        logits = logits * (not alone) + straight(x) @ w["direct.weight"].T
    return after(logits)


def neural_with(**switches):
    return lambda *inputs: neural(*inputs, **switches)


def direct_skipped(*inputs):
    return neural(*inputs, skip=True)


def tanh_of_input(*inputs):
    return neural(*inputs, activation=lambda h: h, joined=lambda x: x.flatten(1).tanh())


NEURAL_MISTAKES = {
    "no tanh": neural_with(activation=lambda h: h),
    "relu": neural_with(activation=torch.relu),
    "sigmoid": neural_with(activation=torch.sigmoid),
    "gelu": neural_with(activation=F.gelu),
    "tanh at the end": neural_with(after=torch.tanh),
    "tanh of the input": tanh_of_input,
    "probabilities": neural_with(after=lambda z: z.softmax(-1)),
    "log-probabilities": neural_with(after=lambda z: z.log_softmax(-1)),
    "newest first": neural_with(joined=lambda x: x.flip(1).flatten(1)),
    "interleaved": neural_with(joined=lambda x: x.transpose(1, 2).flatten(1)),
    "rows mixed": neural_with(joined=lambda x: x.transpose(0, 1).reshape(len(x), -1)),
    "direct missing": direct_skipped,
    "direct only": neural_with(alone=True),
    "direct of tanh": neural_with(straight=torch.tanh),
}


def neural_cases(rng: Random):
    other = {"vocab_size": 11, "context_length": 5, "d_model": 3, "n_hidden": 6}
    for i, sizes in enumerate([SIZES, other]):
        shape = (4 - i, sizes["context_length"])
        ids = torch.randint(sizes["vocab_size"], shape, generator=generator_of(rng))
        plain = sizes | {"direct": False, "seed": rng.randrange(1000), "ids": ids}
        straight = plain | {"direct": True}
        yield Case(f"random weights {i}", ("logits",), plain)
        yield Case(f"direct, random weights {i}", ("direct connections",), straight)
        yield Case(f"gradients {i}", ("gradient",), straight)
        yield Case(f"gradients, not direct {i}", ("gradient",), plain)
        yield Case(f"modes {i}", ("modes and dtypes",), plain)


# --- train


def simulate(
    seed, steps, optimizer, old_gradients, clear="before", order="right", loss_of=F.cross_entropy,
    logits_of=lambda z: z, batch_of=lambda i: i, listed="loss",
):  # fmt: skip
    """Losses and final weights of the loop; the switches make the known mistakes."""
    model = Toy(toy_weights(seed))
    chosen = toy_optimizer(model, optimizer)
    if old_gradients:
        leave_old_gradients(model)
    batches, losses = toy_batches(seed, steps + 30), []
    for i in range(steps):
        ids, targets = batches[batch_of(i)]
        if order == "late":
            chosen.step()
        if clear == "before" or (clear == "once" and i == 0):
            chosen.zero_grad()
        loss = loss_of(logits_of(model(ids)), targets)
        loss.backward()
        if order == "right":
            chosen.step()
        if clear == "after":
            chosen.zero_grad()
        if listed == "after":
            loss = loss_of(model(ids), targets)
        losses.append(loss.item())
    row = torch.tensor(losses)
    if listed == "mean":
        row = row.cumsum(0) / torch.arange(1, steps + 1)
    elif listed == "sum":
        row = row.cumsum(0)
    elif listed == "share":
        row = row / steps
    elif listed == "bits":
        row = row / math.log(2)
    return row, torch.cat([p.detach().flatten() for p in model.parameters()])


def trained(**switches):
    def part(seed, steps, optimizer, old_gradients, judged):
        losses, weights = simulate(seed, steps, optimizer, old_gradients, **switches)
        return losses if judged == "losses" else weights

    return part


TRAIN_MISTAKES = {
    "gradients add up": trained(clear="never"),
    "old gradients": trained(clear="after"),
    "cleared once": trained(clear="once"),
    "one batch": trained(batch_of=lambda i: 0),
    "one step late": trained(order="late", clear="before"),
    "softmax first": trained(logits_of=lambda z: z.softmax(-1)),
    "sum": trained(loss_of=lambda z, y: F.cross_entropy(z, y, reduction="sum")),
    "upwards": trained(loss_of=lambda z, y: -F.cross_entropy(z, y)),
    "running mean": trained(listed="mean"),
    "running sum": trained(listed="sum"),
    "after the step": trained(listed="after"),
    "divided by steps": trained(listed="share"),
    "in bits": trained(listed="bits"),
}


def train_cases(rng: Random):
    plain = {"seed": 11, "steps": 7, "optimizer": "SGD", "old gradients": False}
    plain["judged"] = "weights"
    for i in range(2):
        seed = 100 * rng.randrange(1, 90)
        yield Case(f"random batches {i}", ("updates",), plain | {"seed": seed + 1})
        yield Case(
            f"old gradients {i}", ("updates",), plain | {"seed": seed, "old gradients": True}
        )
        yield Case(f"losses {i}", ("losses",), plain | {"seed": seed + 3, "judged": "losses"})
    yield Case("AdamW", ("updates",), plain | {"seed": seed + 2, "steps": 20, "optimizer": "AdamW"})
    yield Case("modes", ("modes",), plain | {"seed": seed})
    yield Case("memory", ("memory",), plain | {"seed": seed, "steps": 12})


# --- sample


def tempered(probs, temperature, seed, n):
    if temperature == 0:
        return F.one_hot(probs.argmax(-1), probs.shape[-1]).double()
    return (probs.double().log() / temperature).softmax(-1)


def powers(probs, exponent, dim=-1):
    raised = probs.double() ** exponent
    return raised / raised.sum(dim, keepdim=True)


def over_the_batch(probs, temperature, seed, n):
    # multinomial normalises the rows again
    return powers(powers(probs, 1 / temperature, dim=0), 1)


SAMPLE_MISTAKES = {
    "ignored": lambda p, t, seed, n: p.double(),
    "upside down": lambda p, t, seed, n: powers(p, t),
    "taken for logits": lambda p, t, seed, n: (p.double() / t).softmax(-1),
    "uniform": lambda p, t, seed, n: torch.full_like(p, 1 / p.shape[-1], dtype=torch.double),
    "always the largest": lambda p, t, seed, n: tempered(p, 0, seed, n),
    "wrong axis": over_the_batch,
    "first row": lambda p, t, seed, n: tempered(p[:1], t, seed, n).repeat(len(p), 1),
}


def sample_cases(rng: Random):
    for i in range(2):
        a, b = rng.uniform(0.3, 0.6), rng.uniform(0.02, 0.08)
        row = [a, b, 0.1, 0.2, 0.7 - a - b]
        probs = torch.tensor([row, row[::-1], [0.0, 0.25, 0.0, 0.6, 0.15]])
        plain = {"probs": probs[:2], "temperature": 1.0, "seed": rng.randrange(10**6), "n": 2000}
        for temperature in (0.4, 1.0, 1.7):
            name = f"random probabilities {i}, {temperature}"
            yield Case(name, ("distribution",), plain | {"temperature": temperature})
        yield Case(f"some are zero {i}", ("distribution",), plain | {"probs": probs})
        cold = plain | {"probs": probs, "n": 20}
        yield Case(f"cold {i}", ("temperature 0",), cold | {"temperature": 0.0})
        yield Case(f"nearly cold {i}", ("small temperature",), cold | {"temperature": 0.0005})
        yield Case(f"seeds {i}", ("generator",), plain | {"n": 100})


ORACLES = {
    "bigram_model": Oracle(bigram_cases, bigram, BIGRAM_MISTAKES),
    "cross_entropy": Oracle(cross_entropy_cases, F.cross_entropy, CROSS_ENTROPY_MISTAKES),
    "perplexity": Oracle(perplexity_cases, perplexity, PERPLEXITY_MISTAKES),
    "bits_per_byte": Oracle(bits_cases, bits_per_byte, BITS_MISTAKES),
    "NeuralLM": Oracle(neural_cases, neural, NEURAL_MISTAKES),
    "train": Oracle(train_cases, trained(), TRAIN_MISTAKES),
    "sample": Oracle(sample_cases, tempered, SAMPLE_MISTAKES),
}
