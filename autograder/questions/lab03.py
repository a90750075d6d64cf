"""lab03_language_models: what did language models do before attention?"""

import math
import weakref

import torch
from torch import nn

from autograder.compare import compare
from autograder.observation import tensor_facts, type_name
from autograder.probing import call, fill
from autograder.question import (
    Case,
    Finding,
    Question,
    TensorQuestion,
    kind_of,
    shorten,
    with_article,
)

L = torch.tensor


class BigramModel(TensorQuestion):
    name = "lab03.bigram_model"
    aspects = {"counts": 1.5, "smoothing": 1, "unseen contexts": 0.5}
    needs = {"unseen contexts": "smoothing"}
    hints = (
        "Fill a table of counts first: a row for the token before, a column for the token after. What "
        "must each row be divided by, so that it sums to one?",
        "counts[a, b] goes up by one for each pair of neighbours. (counts + alpha) divided by its own "
        "row sums gives the smoothed model. Which rows have the sum 0 when alpha is 0?",
        "counts.index_put_((ids[:-1], ids[1:]), torch.ones(len(ids) - 1), accumulate=True), or a loop "
        "over zip(ids, ids[1:]). Sum with keepdim=True; rows that sum to 0 become 1 / vocab_size.",
    )
    mistakes = {
        "transposed": "Rows and columns are swapped: the row is the token before, the column the token "
        "that follows.",
        "columns": "The columns sum to one: divide each row by its own sum (dim=1, keepdim=True).",
        "joint": "The whole table sums to one: divide each row by its own sum, so that the row of each "
        "context is a distribution.",
        "counted once": "A pair that occurs several times was counted once: counts[a, b] += 1 with index "
        "tensors keeps one of the repeats. Use index_put_ with accumulate=True, or a loop.",
        "counts": "These are counts and not probabilities: divide each row by its sum.",
        "softmax": "softmax was taken of the counts: divide each row by its sum instead.",
        "divided by occurrences": "Rows were divided by how often the token occurs, but the last token of "
        "ids has no successor: divide by the row's own sum.",
        "alpha forgotten": "alpha is not used: add it to every count.",
        "always one": "1 was added to every count: add alpha.",
        "alpha above only": "alpha was added to the counts but not to what they are divided by: a row's "
        "sum grows by alpha * vocab_size.",
        "alpha once below": "The row's sum grew by alpha only: alpha is added to each of vocab_size "
        "counts, so the sum grows by alpha * vocab_size.",
        "alpha after": "alpha was added to probabilities: add it to the counts, before you divide.",
        "seen pairs only": "alpha was added to pairs that occur only: pairs that never occur need it most.",
        "wraps around": "The last token is paired with the first: ids is a line and not a ring.",
        "last pair missing": "The last pair is missing: n tokens have n - 1 pairs.",
        "every second": "Only every second pair is counted: each token but the last begins a pair.",
        "no context": "All rows are the same: each row must hold the counts of its own context.",
        "logs": "These are logarithms: return the probabilities.",
        "NaN rows": "A row is NaN: a context that was never followed by anything has the sum 0, and with "
        "alpha = 0 that is 0 / 0. Such a row is uniform.",
        "zero rows": "The row of a context that was never seen is all zeros: it must sum to one too, so "
        "it is uniform.",
    }  # fmt: skip

    def cases(self):
        line = L([0, 2, 1, 2, 1, 2, 0, 1, 1, 3, 2, 0, 3, 0, 2, 1])
        plain = {"ids": line, "vocab_size": 4}
        yield Case("sixteen tokens", ("counts",), plain | {"alpha": 0.0})
        yield Case("alpha of a half", ("smoothing",), plain | {"alpha": 0.5})
        yield Case("alpha of two", ("smoothing",), plain | {"alpha": 2.0})
        few = {"ids": L([4, 1, 4, 4, 1, 2]), "vocab_size": 6}
        yield Case("tokens that never occur", ("unseen contexts",), few | {"alpha": 0.25})
        yield Case("the same without smoothing", ("unseen contexts",), few | {"alpha": 0.0})

    def verdict(self, case, seen):
        for finding in super().verdict(case, seen):
            if "wrong values" in finding.message:
                advice = _about_rows(seen["value"])
                finding = Finding(finding.aspect, advice, finding.detail, finding.picture)
            yield finding


def _about_rows(value: torch.Tensor) -> str:
    if (value.double().sum(1) - 1).abs().max() > 1e-3:
        return "Not every row sums to one: divide each row by its own sum."
    return "Each row sums to one, but some probabilities are wrong."


class CrossEntropy(Question):
    name = "lab03.cross_entropy"
    aspects = {"value": 1, "stability": 1, "gradient": 1}
    needs = {"gradient": "value"}
    hints = (
        "Write down log softmax and simplify it on paper: the logarithm of a quotient is a difference. "
        "Which of its two terms overflows for a logit of 10,000?",
        "loss of one row = log(sum of exp(logits)) - logit of the target. Subtracting the row's own "
        "maximum from all its logits changes nothing on paper, and everything in floating point.",
        "m = logits.max(dim=-1, keepdim=True).values; log_sum = m + (logits - m).exp().sum(-1, "
        "keepdim=True).log(); logits.gather(1, targets[:, None]) are the targets' logits; then the mean.",
    )
    mistakes = {
        "sum": "The losses of the rows were added up: take their mean.",
        "per row": "There is one loss for each row: return their mean.",
        "base 2": "This is in bits (log2): use the natural logarithm.",
        "negative": "The sign is wrong: the loss is minus the log-probability, never below zero.",
        "over the batch": "softmax runs over the batch (dim=0): it must run over the vocabulary (dim=-1).",
        "all rows": "Every target was looked up in every row: logits[:, targets] is a whole matrix. Row i "
        "needs targets[i] alone: logits[torch.arange(n), targets], or gather.",
        "not normalised": "This is the mean of the targets' logits: subtract the logarithm of the sum "
        "of exp over the row.",
        "probability": "This averages probabilities: take the logarithm of each first.",
        "log of the mean": "This is the logarithm of the mean probability: take logarithms first, then "
        "the mean.",
        "divided by all": "The sum was divided by batch * vocab: divide by the number of rows.",
        "softmax twice": "softmax was taken twice: logits go in as they are.",
        "largest": "This is the loss of the most probable token: look up the target.",
        "epsilon": "A small number was added inside the logarithm: it bounds the loss of a very improbable "
        "target. Subtract logarithms instead of dividing, and no log(0) can occur.",
        "clamped": "The logits or probabilities were clamped, so large ones all count the same: subtract "
        "the row's maximum instead.",
        "one maximum": "The largest logit of the whole batch was subtracted: in a row that lies far below "
        "it exp gives 0, and log(0) is -inf. Each row needs its own maximum.",
    }  # fmt: skip

    def cases(self):
        logits = L([[2.0, 0.5, -1.0, 0.0], [0.3, 1.0, 0.2, -2.0], [-0.5, 3.0, 0.1, 1.0]])
        targets = L([0, 3, 2])
        yield Case("three rows", ("value",), {"logits": logits, "targets": targets})
        yield Case("one row", ("value",), {"logits": logits[1:2], "targets": L([1])})
        huge = {"logits": 1e4 * logits, "targets": targets}
        yield Case("logits of 10,000", ("stability",), huge)
        low = {"logits": logits - 1e4, "targets": targets}
        yield Case("logits near -10,000", ("stability",), low)
        apart = L([[1e4], [0.0], [-1e4]])
        yield Case("rows far apart", ("stability",), {"logits": logits + apart, "targets": targets})
        yield Case("the gradient", ("gradient",), {"logits": logits, "targets": targets})

    def probe(self, answer, inputs):
        leaf = inputs["logits"].clone().requires_grad_()
        logits = leaf.clone()
        loss = answer(logits, inputs["targets"].clone())
        if loss is None:
            return None
        gradient = None
        if isinstance(loss, torch.Tensor) and loss.requires_grad and loss.numel() == 1:
            gradient = torch.autograd.grad(loss.sum(), leaf, allow_unused=True)[0]
        changed = not torch.equal(logits.detach(), inputs["logits"])
        return {"loss": tensor_facts(loss), "gradient": gradient, "changed": changed}

    def comparable(self, case, seen):
        return seen and seen["loss"]["value"]

    def verdict(self, case, seen):
        aspect, facts, right = case.aspects[0], seen["loss"], case.expected["right"]
        if case.inputs["logits"].dtype == torch.bfloat16:
            yield from self._roughly(case, facts, right)
            return
        if aspect == "gradient":
            yield from self._gradient(case, seen)
            return
        value = facts["value"]
        if (
            isinstance(value, torch.Tensor)
            and value.is_floating_point()
            and not value.isfinite().all()
        ):
            known = self.known_mistake(case, value, aspect)
            if known is None or known.message != self.mistakes["one maximum"]:
                message = (
                    "The loss is not finite: exp of a large logit is inf, and exp of one far below zero is "
                    "0. Subtract the row's maximum before exp."
                )
                yield Finding(aspect, message, f"{case.name}: got {value.flatten()[0].item()}")
                return
        # At 10,000 float32 has steps of 0.001, and where they are rounded is the answer's affair.
        slack = 0.01 + 1e-4 * abs(right.item()) if aspect == "stability" else 0.0
        if _is_scalar(value) and abs(value.item() - right.item()) <= slack:
            return
        yield from self.tensor_findings(case, facts, right, "the loss")

    def _roughly(self, case, facts, right):
        """In bfloat16, which keeps three digits, rounding may be done in several places."""
        value = facts["value"]
        if not isinstance(value, torch.Tensor) or value.shape != right.shape:
            yield from self.tensor_findings(case, facts, right, "the loss")
        elif not abs(value.item() - right.item()) < 0.05 * abs(right.item()) + 0.05:
            yield Finding(case.aspects[0], "The loss of bfloat16 logits is wrong.")

    def _gradient(self, case, seen):
        aspect, right = "gradient", case.expected["right"]
        if seen["changed"]:
            message = (
                "The logits that were passed in have changed: an operation in place (-=, sub_, exp_) "
                "also changes the caller's tensor."
            )
            yield Finding(aspect, message)
        elif compare(right, seen["loss"]):
            yield from self.tensor_findings(case, seen["loss"], right, "the loss")
        elif seen["gradient"] is None:
            message = (
                "No gradient reaches the logits, so a model could not learn: something cut the graph "
                "(.item(), .detach(), .data, torch.tensor(…), numpy or no_grad)."
            )
            yield Finding(aspect, message)
        else:
            logits = case.inputs["logits"].clone().requires_grad_()
            (wanted,) = torch.autograd.grad(
                nn.functional.cross_entropy(logits, case.inputs["targets"]), logits
            )
            yield from self.tensor_findings(
                case, tensor_facts(seen["gradient"]), wanted, "the gradient", known=()
            )


def _is_scalar(value) -> bool:
    return isinstance(value, torch.Tensor) and value.dim() == 0


class NumberQuestion(Question):
    """A question whose answer is a function that returns one number, as float or tensor."""

    def probe(self, answer, inputs):
        result = super().probe(answer, inputs)
        if isinstance(result, torch.Tensor) and result.numel() == 1:
            result = result.item()
        return (
            float(result) if type(result).__module__ == "numpy" and _is_number(result) else result
        )

    def comparable(self, case, seen):
        """The number, moved onto the right one or a known mistake's where it is as good as that."""
        for value in (case.expected["right"], *case.expected["mistakes"].values()):
            if type(seen) is type(value) is float and math.isclose(seen, value, rel_tol=1e-4):
                return value
        return seen

    def verdict(self, case, seen):
        if type(seen) is int and not isinstance(seen, bool):
            seen = float(seen)
        wrong_type = list(self.of_type(float, case, seen))
        yield from wrong_type
        if not wrong_type:
            seen = self.comparable(case, seen)
            yield from self.equal_to_right(case, seen, f"{self.answer_name} is wrong.")


def _is_number(value) -> bool:
    return getattr(value, "ndim", 1) == 0


class Perplexity(NumberQuestion):
    name = "lab03.perplexity"
    aspects = {"value": 0.75, "very large loss": 0.25}
    hints = (
        "A model that chooses evenly among k tokens has the loss ln k. Which function turns ln k into k?",
        "exp. Then look at what it does with a loss of 10,000: math.exp raises an error, torch.exp of a "
        "tensor gives inf.",
        "torch.tensor(loss).exp().item(), or math.exp with `except OverflowError: return math.inf`.",
    )
    mistakes = {
        "base 2": "2 was raised to the loss: the loss is in nats, so the base is e.",
        "base 10": "10 was raised to the loss: the loss is in nats, so the base is e.",
        "negative": "The exponent has the wrong sign: a perplexity is never below 1.",
        "logarithm": "This is the logarithm of the loss: perplexity undoes a logarithm.",
        "bits": "This is the loss in bits: perplexity is a number of tokens.",
        "unchanged": "This is the loss itself.",
        "minus one": "This is one less than the perplexity: a loss of 0 has the perplexity 1 (exp, not expm1).",
        "capped": "The loss was cut off at some bound: an infinite perplexity is math.inf.",
    }  # fmt: skip

    def cases(self):
        yield Case("an even choice of six", ("value",), {"loss": math.log(6)})
        yield Case("a loss of 2.5 nats", ("value",), {"loss": 2.5})
        yield Case("no doubt at all", ("value",), {"loss": 0.0})
        yield Case("a loss of 10,000 nats", ("very large loss",), {"loss": 1e4})

    def verdict(self, case, seen):
        if case.aspects == ("very large loss",) and type(seen) is float and math.isfinite(seen):
            message = "A perplexity too large for a float is math.inf."
            yield self.known_mistake(case, seen, case.aspects[0]) or Finding(
                case.aspects[0],
                self.mistakes["capped"] if seen > 1e30 else message,
                f"{case.name}: got {shorten(seen)}, expected inf",
            )
            return
        yield from super().verdict(case, seen)


class BitsPerByte(NumberQuestion):
    name = "lab03.bits_per_byte"
    aspects = {"bits": 1, "per byte": 1}
    hints = (
        "Two steps: from nats to bits, and from a mean over tokens to a mean over bytes. How many nats "
        "does the whole text cost?",
        "loss * n_tokens is the cost of the whole text in nats. Divided by ln 2 it is in bits.",
        "loss * n_tokens / math.log(2) / n_bytes.",
    )
    mistakes = {
        "nats": "This is in nats: divide by ln 2, one nat is 1 / ln 2 = 1.44 bits.",
        "times ln 2": "Multiplied by ln 2: a nat is more than a bit, so divide by it.",
        "upside down": "n_tokens / n_bytes is upside down: loss * n_tokens is the cost of the whole text, "
        "to be shared by its bytes.",
        "nats, upside down": "This is in nats, and n_tokens / n_bytes is upside down.",
        "per token": "These are bits per token: multiply by n_tokens and divide by n_bytes.",
        "whole text": "These are the bits of the whole text: divide by n_bytes.",
        "eighth": "Divided by 8: a byte has 8 bits of memory, but here bits measure information.",
        "logarithm": "This is a logarithm of the loss: the loss is a logarithm already. Divide it by ln 2.",
        "base 10": "Divided by ln 10: for bits divide by ln 2.",
        "whole numbers": "The division of n_tokens by n_bytes has lost its fraction (//).",
        "bits and nats of perplexity": "This is made from the perplexity: use the loss itself.",
    }  # fmt: skip

    def cases(self):
        yield Case("one nat a byte", ("bits",), {"loss": 1.0, "n_tokens": 50, "n_bytes": 50})
        yield Case("tokens of one byte", ("bits",), {"loss": 2.5, "n_tokens": 70, "n_bytes": 70})
        one_bit = math.log(2)
        yield Case(
            "one bit a token", ("per byte",), {"loss": one_bit, "n_tokens": 30, "n_bytes": 120}
        )
        yield Case(
            "a text of a book", ("per byte",), {"loss": 5.1, "n_tokens": 2100, "n_bytes": 8200}
        )


SIZES = {"vocab_size": 7, "context_length": 3, "d_model": 4, "n_hidden": 5}


def neural_weights(seed: int, direct: bool, vocab_size, context_length, d_model, n_hidden) -> dict:
    """Weights for a NeuralLM, by the names that the exercise gives its parameters."""
    generator = torch.Generator().manual_seed(seed)
    wide = context_length * d_model
    shapes = {
        "embedding.weight": (vocab_size, d_model),
        "hidden.weight": (n_hidden, wide),
        "hidden.bias": (n_hidden,),
        "output.weight": (vocab_size, n_hidden),
        "output.bias": (vocab_size,),
    }
    if direct:
        shapes["direct.weight"] = (vocab_size, wide)
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


class NeuralLM(Question):
    name = "lab03.NeuralLM"
    aspects = {"logits": 2, "direct connections": 1, "gradient": 0.5, "modes and dtypes": 0.5}
    needs = {"gradient": "logits", "modes and dtypes": "logits"}
    hints = (
        "Follow the shapes: (batch, n) ids become (batch, n, d_model) vectors, then one long row a "
        "sequence. Which order do the numbers of that row have?",
        "x = self.embedding(ids).flatten(1) is (batch, n * d_model), the oldest token first. The hidden "
        "layer is nn.Linear(n * d_model, n_hidden) followed by tanh; the output layer has no function after it.",
        "logits = self.output(torch.tanh(self.hidden(x))), plus self.direct(x) where direct is asked for, "
        "with self.direct = nn.Linear(context_length * d_model, vocab_size, bias=False).",
    )
    mistakes = {
        "no tanh": "The hidden layer has no tanh: two linear layers in a row are one linear layer.",
        "relu": "The hidden layer uses ReLU: this model uses tanh.",
        "sigmoid": "The hidden layer uses the sigmoid: this model uses tanh.",
        "gelu": "The hidden layer uses GELU: this model uses tanh.",
        "tanh at the end": "tanh was applied to the logits too: they may be any number.",
        "tanh of the input": "tanh was applied to the embeddings instead of to the hidden layer's result.",
        "probabilities": "These are probabilities: return the logits, cross_entropy applies softmax.",
        "log-probabilities": "These are log-probabilities: return the logits, cross_entropy normalises them.",
        "newest first": "The embeddings are in the wrong order: the oldest token comes first, as in ids.",
        "interleaved": "The numbers of different tokens are interleaved: concatenate whole embeddings, one "
        "token after the other. (Was something transposed before the flatten?)",
        "rows mixed": "Sequences of the batch are mixed: keep the batch axis first, and flatten the others.",
        "direct missing": "The direct connections are missing: with direct=True, direct(x) is added to the "
        "logits.",
        "direct only": "With direct=True the hidden layer is gone: direct(x) is added to its logits.",
        "direct of tanh": "The direct connections go from tanh of the embeddings: they take x itself.",
    }  # fmt: skip

    def cases(self):
        ids = L([[1, 6, 2], [5, 0, 3]])
        plain = SIZES | {"direct": False, "seed": 1, "ids": ids}
        yield Case("two sequences of three tokens", ("logits",), plain)
        yield Case(
            "with direct connections", ("direct connections",), plain | {"direct": True, "seed": 2}
        )
        yield Case("who gets a gradient", ("gradient",), plain | {"direct": True, "seed": 3})
        yield Case("train, eval and bfloat16", ("modes and dtypes",), plain | {"seed": 4})

    def probe(self, answer, inputs):
        sizes = [inputs[name] for name in SIZES]
        model = answer(*sizes, direct=True) if inputs["direct"] else answer(*sizes)
        if not isinstance(model, nn.Module):
            return None if model is None else {"other": type_name(model)}
        weights = neural_weights(inputs["seed"], inputs["direct"], *sizes)
        names = sorted(dict(model.named_parameters()))
        bad = fill(model, weights)
        if bad:
            return {"misfit": bad, "names": names}
        ids = inputs["ids"].clone()
        model.eval()
        logits = model(ids)
        seen = {"logits": tensor_facts(logits), "again": tensor_facts(model(ids))}
        seen |= {"names": names, "ids kept": torch.equal(ids, inputs["ids"]), "blind": []}
        if isinstance(logits, torch.Tensor):
            parameters = dict(model.named_parameters())
            used = {name: p for name, p in parameters.items() if p.requires_grad}
            gradients = [None] * len(used)
            if logits.requires_grad and used:
                gradients = torch.autograd.grad(
                    logits.float().pow(2).sum(), list(used.values()), allow_unused=True
                )
            moved = {
                n for n, g in zip(used, gradients) if g is not None and bool(g.abs().sum() > 0)
            }
            seen["blind"] = sorted(set(parameters) - moved)
        model.train()
        seen["train"] = tensor_facts(model(ids))
        model.eval().to(torch.bfloat16)
        seen["bfloat16"] = call(lambda: tensor_facts(model(ids)))
        return seen

    def comparable(self, case, seen):
        return seen["logits"]["value"]

    def explains(self, seen):
        whole = [(c, o) for c, o in seen if "logits" in (o.get("value") or {})]
        return super().explains(whole)

    def verdict(self, case, seen):
        aspect, right = case.aspects[0], case.expected["right"]
        if "other" in seen:
            found = with_article(seen["other"])
            yield Finding(aspect, f"NeuralLM(…) gave {found}, expected an nn.Module.")
        elif "misfit" in seen:
            yield from self._misfit(case, seen)
        elif aspect in ("logits", "direct connections"):
            yield from self._logits(case, seen)
        elif aspect == "gradient" and seen["blind"]:
            names = ", ".join(seen["blind"])
            message = f"No gradient reaches {names}: every parameter must take part in the logits. "
            message += (
                "Is something cut off (.detach(), .data, no_grad, requires_grad) or not used?"
            )
            yield Finding(aspect, message)
        elif compare(right, seen["logits"]):
            yield Finding(aspect, "Counts once the logits are right.")
        elif aspect == "modes and dtypes":
            yield from self._modes(case, seen)

    def _misfit(self, case, seen):
        bad, sizes = seen["misfit"], case.inputs
        weights = neural_weights(0, sizes["direct"], *(sizes[name] for name in SIZES))
        vocab_size, _, d_model, n_hidden = (sizes[name] for name in SIZES)
        advice = ""
        if bad["shape"] == tuple(weights[bad["parameter"]].shape)[::-1]:
            advice = " nn.Linear(n_in, n_out) keeps its weight as (n_out, n_in)."
        elif (bad["parameter"], bad["shape"]) == ("hidden.weight", (n_hidden, d_model)):
            advice = " The embeddings of the tokens are concatenated, not added or averaged."
        elif (bad["parameter"], bad["shape"]) == ("direct.weight", (vocab_size, n_hidden)):
            advice = " The direct connections start at the embeddings, not at the hidden layer."
        for finding in self.misfit(case, bad, weights):
            there = f"Its parameters: {', '.join(seen['names']) or 'none'}"
            yield Finding(finding.aspect, finding.message + advice, there)

    def _logits(self, case, seen):
        aspect, right = case.aspects[0], case.expected["right"]
        sizes = [case.inputs[name] for name in SIZES]
        extra = sorted(set(seen["names"]) - set(neural_weights(0, case.inputs["direct"], *sizes)))
        if compare(right, seen["again"]) and not _close(seen["logits"], seen["again"]):
            message = (
                "Two calls in eval mode give different logits: something is random. (F.dropout is "
            )
            message += "on in eval mode too, unless it is told training=self.training.)"
            yield Finding(aspect, message)
            return
        for finding in self.tensor_findings(case, seen["logits"], right, "the tensor of logits"):
            message = finding.message
            if "wrong values" in message and extra:
                message = (
                    "The logits are wrong, and NeuralLM has parameters that the exercise does not "
                )
                message += f"name: {', '.join(extra)}."
                if extra == ["direct.bias"]:
                    message = "direct has a bias: output.bias is there already, so bias=False."
            yield Finding(aspect, message, finding.detail, finding.picture)

    def _modes(self, case, seen):
        aspect, right = case.aspects[0], case.expected["right"]
        half = seen["bfloat16"]
        if compare(right, seen["train"]):
            yield Finding(aspect, "In train mode the logits differ: this model has no dropout.")
        elif not seen["ids kept"]:
            yield Finding(aspect, "The ids that were passed in have changed.")
        elif "raised" in half:
            message = f"After model.to(torch.bfloat16) the forward pass raises {half['raised']}: "
            message += "a tensor made inside it must take the dtype of the weights."
            yield Finding(aspect, message, "" if case.hidden else half["message"])
        else:
            facts = half["returned"]
            value = facts["value"]
            if facts.get("dtype") != "torch.bfloat16":
                message = (
                    f"After model.to(torch.bfloat16) the logits have dtype {facts.get('dtype')}."
                )
                yield Finding(aspect, message)
            elif not torch.allclose(value.float(), right, atol=0.3, rtol=0.1):
                yield Finding(aspect, "After model.to(torch.bfloat16) the logits are far off.")


def _close(a: dict, b: dict) -> bool:
    return isinstance(a["value"], torch.Tensor) and compare(a["value"], b) is None


class _Node(torch.autograd.Function):
    """The identity, with a mark that lives as long as the graph that it is part of."""

    @staticmethod
    def forward(ctx, x, marks):
        ctx.mark = _Mark()
        marks.append(weakref.ref(ctx.mark))
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient, None


class _Mark:
    """Alive or not: that is all there is to know of it."""


class Toy(nn.Module):
    """A small model, (batch, n) ids to (batch, vocab) logits, that notes how it is used."""

    def __init__(self, weights: dict[str, torch.Tensor]):
        super().__init__()
        vocab_size, width = weights["table.weight"].shape
        self.table = nn.Embedding(vocab_size, width)
        self.inner = nn.Identity()  # a part whose mode must follow
        self.output = nn.Linear(width, vocab_size)
        fill(self, weights)
        self.marks, self.modes, self.alive = [], [], 0

    def forward(self, ids):
        self.modes.append(self.training and self.inner.training)
        logits = self.output(self.inner(self.table(ids).mean(1)))
        if torch.is_grad_enabled():
            logits = _Node.apply(logits, self.marks)
        self.alive = max(self.alive, sum(mark() is not None for mark in self.marks))
        return logits


def toy_weights(seed: int, vocab_size: int = 5, width: int = 3) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = {"table.weight": (vocab_size, width), "output.weight": (vocab_size, width),
              "output.bias": (vocab_size,)}  # fmt: skip
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def toy_batches(seed: int, n: int, vocab_size: int = 5) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Batches of six sequences of two ids, with a target that follows from the first of them."""
    generator = torch.Generator().manual_seed(seed)
    batches = []
    for _ in range(n):
        ids = torch.randint(vocab_size, (6, 2), generator=generator)
        batches.append((ids, (ids[:, 0] + 1) % vocab_size))
    return batches


def toy_optimizer(model: nn.Module, kind: str) -> torch.optim.Optimizer:
    if kind == "AdamW":
        return torch.optim.AdamW(model.parameters(), lr=0.05)
    return torch.optim.SGD(model.parameters(), lr=0.5)


def leave_old_gradients(model: nn.Module) -> None:
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)


class Train(Question):
    name = "lab03.train"
    aspects = {"updates": 1.5, "losses": 1, "modes": 1, "memory": 0.5}
    hints = (
        "Five things happen in a step: take a batch, compute the loss, clear old gradients, compute new "
        "ones, change the weights. Which of them must not be swapped?",
        "model.train() before the loop and model.eval() after it. In the loop: x, y = next(batches); "
        "loss = cross_entropy(model(x), y); zero_grad, backward, step; keep loss.item().",
        "optimizer.zero_grad(); loss.backward(); optimizer.step(); losses.append(loss.item()), for _ in "
        "range(steps), with batches = iter(batches) before.",
    )
    mistakes = {
        "gradients add up": "The gradients of all steps add up: clear them in every step, with "
        "optimizer.zero_grad().",
        "old gradients": "Gradients from before the first step were used: clear them before each backward, "
        "not after the step.",
        "cleared once": "Gradients were cleared once, before the loop: clear them in every step.",
        "one batch": "The same batch was used in every step: take a new one each time.",
        "one step late": "Each step used the gradients of the batch before: backward comes before step.",
        "softmax first": "softmax was applied before the loss: cross_entropy takes the logits.",
        "sum": "The loss was a sum over the batch: use the mean. (Is cross_entropy right?)",
        "upwards": "The loss goes up: the sign of the loss or of the step is wrong.",
        "running mean": "The list holds running means: give the loss of each batch itself.",
        "running sum": "The list holds running sums: give the loss of each batch itself.",
        "after the step": "The losses were computed again after each step: give the loss that the step "
        "started from.",
        "divided by steps": "The losses were divided by the number of steps.",
        "in bits": "The losses are in bits or another unit: give them as cross_entropy gives them.",
    }  # fmt: skip

    def cases(self):
        plain = {
            "seed": 1,
            "steps": 5,
            "optimizer": "SGD",
            "old gradients": False,
            "judged": "weights",
        }
        listed = plain | {"judged": "losses"}
        yield Case("five steps of plain SGD", ("updates",), plain)
        yield Case(
            "old gradients in the weights", ("updates",), plain | {"seed": 2, "old gradients": True}
        )
        yield Case(
            "thirty steps of AdamW", ("updates",), plain | {"steps": 30, "optimizer": "AdamW"}
        )
        yield Case("the losses of five steps", ("losses",), listed | {"seed": 3})
        yield Case("one step", ("losses",), listed | {"steps": 1})
        yield Case("train mode, then eval mode", ("modes",), plain)
        yield Case("what is kept alive", ("memory",), plain | {"steps": 8})

    def probe(self, answer, inputs):
        steps = inputs["steps"]
        model = Toy(toy_weights(inputs["seed"])).eval()
        optimizer = toy_optimizer(model, inputs["optimizer"])
        if inputs["old gradients"]:
            leave_old_gradients(model)
        counts = {"drawn": 0, "stepped": 0, "empty": 0}

        def batches():
            for batch in toy_batches(inputs["seed"], steps + 30):
                counts["drawn"] += 1
                yield batch

        def note(*_):
            counts["stepped"] += 1
            gradients = [p.grad for p in model.parameters()]
            counts["empty"] += all(g is None or not bool(g.any()) for g in gradients)

        optimizer.register_step_pre_hook(note)
        losses = answer(model, batches(), optimizer, steps)
        kept = losses if type(losses) in (list, tuple) else type_name(losses)
        kinds = sorted({type_name(loss) for loss in kept}) if kept is losses else []
        return counts | {
            "losses": kept,
            "kinds": kinds,
            "weights": {name: p.detach().clone() for name, p in model.named_parameters()},
            "modes": model.modes,
            "training": model.training,
            "alive": model.alive,
        }

    def comparable(self, case, seen):
        """The losses or the weights, as the case judges, in one row."""
        if case.inputs["judged"] == "losses":
            return _row(seen["losses"])
        return torch.cat([value.flatten() for value in seen["weights"].values()])

    def verdict(self, case, seen):
        aspect = case.aspects[0]
        yield from {
            "updates": self._updates,
            "losses": self._losses,
            "modes": self._modes,
            "memory": self._memory,
        }[aspect](case, seen, aspect)

    def _updates(self, case, seen, aspect):
        steps, right = case.inputs["steps"], case.expected["right"]
        weights = self.comparable(case, seen)
        start = torch.cat([w.flatten() for w in toy_weights(case.inputs["seed"]).values()])
        differs = compare(right, tensor_facts(weights))
        if differs is None:
            if seen["drawn"] > steps + 1:
                message = "train took more batches than it made steps: one batch a step."
                yield Finding(aspect, message, f"{case.name}: {seen['drawn']} batches")
            return
        known = self.known_mistake(case, weights, aspect)
        if seen["stepped"] == 0 and torch.equal(weights, start):
            message = "The weights have not moved: optimizer.step() was never called."
        elif seen["empty"] and torch.equal(weights, start):
            message = (
                "The weights have not moved: the gradients were empty at each optimizer.step(). Is "
                "zero_grad between backward and step, or backward missing or too late?"
            )
        elif seen["stepped"] != steps:
            message = (
                "The number of steps is wrong: make one optimizer step for each of `steps` batches."
            )
            if seen["stepped"] == steps - 1:
                message += " One is missing."
        elif known:
            message = known.message
        elif not weights.isfinite().all():
            message = "The weights are no longer finite numbers."
        else:
            message = (
                "After training the weights are not what these batches and this optimizer give. (Is "
                "cross_entropy right?)"
            )
        yield Finding(
            aspect, message, f"{case.name}: {seen['stepped']} steps made, {steps} asked for"
        )

    def _losses(self, case, seen, aspect):
        steps, losses, right = case.inputs["steps"], seen["losses"], case.expected["right"]
        if isinstance(losses, str):
            found = losses.replace("NoneType", "None")
            message = (
                f"train returned {found if found == 'None' else with_article(found)}, expected the "
            )
            message += "list of losses, a float for each step."
            yield Finding(aspect, message)
        elif len(losses) != steps:
            message = "The list of losses has the wrong length: one for each step."
            yield Finding(aspect, message, f"{case.name}: {len(losses)} losses, {steps} steps")
        elif seen["kinds"] == ["torch.Tensor"]:
            message = "The losses are tensors, expected floats: keep loss.item()."
            yield Finding(aspect, message)
        elif any(type(loss) is not float for loss in losses):
            kinds = " and ".join(map(kind_of, losses[:1])) if losses else "nothing"
            yield Finding(aspect, f"The losses must be floats; one is {with_article(kinds)}.")
        else:
            differs = compare(right, tensor_facts(_row(losses)))
            if differs:
                known = self.known_mistake(case, _row(losses), aspect)
                message = known.message if known else "The losses are not those of the batches."
                yield Finding(aspect, message, f"{case.name}: {differs.where}")

    def _modes(self, case, seen, aspect):
        if not seen["stepped"]:
            yield Finding(aspect, "Counts once the optimizer makes a step.")
        elif not all(seen["modes"][: case.inputs["steps"]]):
            message = "The model, or a part of it, was not in train mode during a step: call model.train() "
            message += "before the loop."
            yield Finding(aspect, message)
        elif seen["training"]:
            message = "The model is left in train mode: call model.eval() before you return."
            yield Finding(aspect, message)

    def _memory(self, case, seen, aspect):
        if not seen["stepped"]:
            yield Finding(aspect, "Counts once the optimizer makes a step.")
        elif seen["kinds"] == ["torch.Tensor"] or seen["alive"] > 3:
            message = (
                "The graphs of earlier steps are kept alive, so memory grows with every step: a loss that "
                "is still a tensor holds its graph. Keep or add loss.item()."
            )
            yield Finding(aspect, message, f"{case.name}: {seen['alive']} graphs at once")


def _row(losses) -> torch.Tensor:
    try:
        return torch.tensor([float(loss) for loss in losses])
    except (TypeError, ValueError, RuntimeError):
        return torch.tensor([])


class Sample(Question):
    name = "lab03.sample"
    aspects = {
        "distribution": 1.5,
        "temperature 0": 0.5,
        "small temperature": 0.5,
        "generator": 0.5,
    }
    needs = {"generator": "distribution"}
    hints = (
        "A temperature T raises each probability to the power 1 / T and normalises again. What becomes of "
        "0.01 ** 1000 in a computer?",
        "p ** (1/T) is exp(log(p) / T), and dividing by the sum is what softmax does: so softmax(log(p) / "
        "T) is the same, and it cannot underflow everywhere. Temperature 0 comes first, as a case of its own.",
        "if temperature == 0: return probs.argmax(dim=-1). Else torch.multinomial(torch.softmax("
        "probs.log() / temperature, dim=-1), 1, generator=generator).squeeze(-1).",
    )
    mistakes = {
        "ignored": "The temperature has no effect. (Dividing probabilities by it and normalising again "
        "changes nothing: raise them to the power 1 / T.)",
        "upside down": "The temperature works upside down: the exponent is 1 / T, so that a low temperature "
        "sharpens.",
        "taken for logits": "The probabilities were taken for logits: softmax(probs / T) flattens them. Take "
        "their logarithm first.",
        "uniform": "Every token is drawn equally often: the probabilities are not used.",
        "always the largest": "The most probable token is always taken: at a temperature above 0 draw at "
        "random.",
        "wrong axis": "The probabilities were normalised over the batch: use the last axis.",
        "first row": "All rows are drawn from the first row's probabilities.",
    }  # fmt: skip

    def cases(self):
        probs = L([[0.5, 0.25, 0.15, 0.1], [0.05, 0.2, 0.3, 0.45]])
        plain = {"probs": probs, "temperature": 1.0, "seed": 1, "n": 2000}
        yield Case("temperature 1", ("distribution",), plain)
        yield Case("temperature 0.5", ("distribution",), plain | {"temperature": 0.5})
        yield Case("temperature 2", ("distribution",), plain | {"temperature": 2.0})
        zeros = L([[0.6, 0.0, 0.4, 0.0], [0.0, 0.3, 0.0, 0.7]])
        yield Case("tokens of probability 0", ("distribution",), plain | {"probs": zeros})
        few = plain | {"n": 10}
        yield Case("temperature 0", ("temperature 0",), few | {"temperature": 0.0})
        yield Case("temperature 0.001", ("small temperature",), few | {"temperature": 0.001})
        yield Case("two generators", ("generator",), plain | {"n": 100})

    def probe(self, answer, inputs):
        probs = inputs["probs"].repeat(inputs["n"], 1)
        generator = torch.Generator().manual_seed(inputs["seed"])
        given = probs.clone()
        state = torch.random.get_rng_state()
        first = call(answer, given, inputs["temperature"], generator)
        if "raised" in first:
            return first
        if first["returned"] is None:
            return None
        drawn, kept = first["returned"], torch.equal(given, probs)
        seen = tensor_facts(drawn) | {"value": None, "kept": kept}
        if isinstance(drawn, torch.Tensor):
            seen["shape"] = tuple(drawn.shape)
            if drawn.shape == probs.shape[:1] and drawn.dtype == torch.long:
                seen["value"] = drawn.reshape(inputs["n"], -1)
        if inputs["n"] == 100 and seen["value"] is not None:
            torch.manual_seed(7)
            second = answer(probs.clone(), inputs["temperature"], generator)
            generator.manual_seed(inputs["seed"])
            again = answer(probs.clone(), inputs["temperature"], generator)
            torch.random.set_rng_state(state)
            seen |= {
                "second same": torch.equal(drawn, second),
                "again same": torch.equal(drawn, again),
            }
        return seen

    def explains(self, seen):
        return {}

    def known_mistake(self, case, seen, aspect):
        names = [n for n, wrong in case.expected["mistakes"].items() if fits(seen, wrong)]
        return Finding(aspect, self.mistakes[names[0]]) if names else None

    def verdict(self, case, seen):
        aspect = case.aspects[0]
        if "raised" in seen:
            yield self._raised(case, seen, aspect)
            return
        wrong = self._form(case, seen)
        value, right = seen["value"], case.expected["right"]
        if wrong:
            yield Finding(aspect, wrong)
        elif value.min() < 0 or value.max() >= right.shape[1]:
            yield Finding(aspect, "A sampled id is not in the vocabulary.")
        elif not seen["kept"]:
            yield Finding(aspect, "The probabilities that were passed in have changed.")
        elif not fits(value, right):
            yield self._misfits(case, value, aspect)
        elif aspect == "generator":
            if seen["second same"]:
                message = (
                    "Two calls in a row draw the same: the generator is started anew in each call. "
                )
                message += "Do not seed inside the function."
                yield Finding(aspect, message)
            elif not seen["again same"]:
                message = (
                    "A generator with the same seed gives other draws: pass generator=generator on "
                )
                message += "to what draws."
                yield Finding(aspect, message)

    def _raised(self, case, seen, aspect):
        temperature = case.inputs["temperature"]
        if temperature == 0:
            message = f"sample raised {seen['raised']} at temperature 0: nothing can be divided by 0. It is "
            message += "a case of its own: take the most probable token."
        elif temperature < 0.01:
            message = f"sample raised {seen['raised']} at a very small temperature: p ** (1/T) is 0 there "
            message += "for every token, and 0 / 0 is no probability. Work with logarithms."
        else:
            message = f"sample raised {seen['raised']}."
        said = "" if case.hidden else f"{case.name}: {seen['message']}"
        return Finding(aspect, message, said)

    def _form(self, case, seen) -> str:
        """What is wrong with the type or shape of what was returned, or an empty string."""
        rows, vocab_size = (
            case.inputs["n"] * len(case.inputs["probs"]),
            case.inputs["probs"].shape[1],
        )
        if seen["kind"] != "torch.Tensor":
            return (
                f"sample returned {with_article(seen['kind'])}, expected a tensor of ids, (batch,)."
            )
        if seen["shape"] == (rows, vocab_size):
            return "sample returned a number for each token of the vocabulary: return the id that was drawn."
        if seen["shape"] == (rows, 1):
            return "The ids have shape (batch, 1), expected (batch,): squeeze the last axis."
        if seen["shape"] != (rows,):
            return f"The ids have {len(seen['shape'])} axes or the wrong length: draw one id for each row."
        if seen["dtype"] != "torch.int64":
            return f"The ids have dtype {seen['dtype']}, expected torch.int64 (torch.long)."
        return ""

    def _misfits(self, case, value, aspect):
        if aspect == "temperature 0":
            return Finding(
                aspect, "At temperature 0 the most probable token of each row must be taken."
            )
        if aspect == "small temperature":
            message = (
                "At a very small temperature the most probable token must come almost surely: p ** "
            )
            message += "(1/T) is 0 for every token, so work with logarithms."
            return Finding(aspect, message)
        known = self.known_mistake(case, value, aspect)
        right = case.expected["right"]
        if known:
            message = known.message
        elif bool((value == value[:1]).all()):
            message = "All rows got the same draw: each row needs a random number of its own."
        elif bool((counts(value, right.shape[1])[right == 0] > 0).any()):
            message = "A token of probability 0 was drawn."
        else:
            message = "The tokens are not drawn with the probabilities p ** (1/T), normalised."
        shares = counts(value, right.shape[1])[0] / len(value)
        detail = f"{case.name}, row 0: shares {_digits(shares)}, expected {_digits(right[0])}"
        return Finding(aspect, message, detail)


def _digits(shares: torch.Tensor) -> list[float]:
    return [round(x, 2) for x in shares.tolist()]


def counts(value: torch.Tensor, vocab_size: int) -> torch.Tensor:
    """How often each id was drawn, (kinds of row, vocab), from draws (n, kinds of row)."""
    return torch.stack(
        [torch.bincount(column, minlength=vocab_size) for column in value.T]
    ).double()


def fits(value: torch.Tensor, probs: torch.Tensor) -> bool:
    """Whether draws (n, rows) may come from `probs` (rows, vocab): five sigma for each count."""
    n, p = len(value), probs.double()
    sigma = (n * p * (1 - p)).clamp(min=0).sqrt()
    # A count may be off by one more, as five sigma of a rare token is less than one token.
    slack = torch.where((p > 1e-9) & (p < 1 - 1e-9), 5 * sigma + 1, torch.full_like(p, 1e-6))
    return bool(((counts(value, p.shape[1]) - n * p).abs() <= slack + n * 1e-6).all())
