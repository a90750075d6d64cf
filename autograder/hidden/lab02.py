"""Hidden cases and oracles of lab02_embeddings."""

import math
from random import Random

import torch
import torch.nn.functional as F

from autograder.hidden import Oracle
from autograder.question import Case
from autograder.questions.lab02 import TrainValSplit


def tensor(rng: Random, *shape: int, scale: float = 1.0) -> torch.Tensor:
    """Normal numbers, rounded so that they are the same on every machine."""
    values = [round(rng.gauss(0, scale), 3) for _ in range(math.prod(shape))]
    return torch.tensor(values).reshape(shape)


# --- train_val_split and get_batch, which their verdicts judge by what must hold


def train_val_split_cases(rng: Random):
    three = tuple(TrainValSplit.aspects)
    for i in range(3):
        n = rng.randint(4, 12) * 20  # 0.75, 0.9 and 0.8 of it are whole numbers
        ids = torch.tensor(rng.sample(range(1000), n))
        yield Case(f"the default {i}", three, {"ids": ids})
        fraction = rng.choice([0.5, 0.75, 0.9])
        yield Case(f"another fraction {i}", three, {"ids": ids, "fraction": fraction})
        odd = ids[: rng.choice([31, 47, 53])]
        yield Case(f"no whole number {i}", three, {"ids": odd, "fraction": 0.7})
        repeated = torch.tensor(rng.choices(range(5), k=n))
        yield Case(f"ids that repeat {i}", three, {"ids": repeated, "fraction": 0.9})


def get_batch_cases(rng: Random):
    for i in range(3):
        length = rng.randint(3, 6)
        text = torch.tensor(rng.sample(range(1000), 2 * length + rng.randint(1, 4)))
        sizes = {"ids": text, "batch_size": length + 2, "context_length": length}
        seed = {"seed": rng.randint(0, 10**6), "calls": 1}
        yield Case(f"random ids {i}", ("windows", "targets"), sizes | seed)
        many = sizes | {"batch_size": 300, "seed": rng.randint(0, 10**6), "calls": 7}
        yield Case(f"which starts {i}", ("starts",), many)
        one = sizes | {"ids": text[: length + 1]} | seed
        yield Case(f"one window only {i}", ("starts",), one)
        often = {"seed": rng.randint(0, 10**6), "calls": 8}
        yield Case(f"the same seed again {i}", ("generator",), sizes | often)
        for short in (length, length - 1):
            yield Case(f"{i}: {short} ids", ("too short",), sizes | {"ids": text[:short]} | seed)


# --- embed


def embed(ids, table, one_hot):
    return table[ids]


def row_zero_left_out(ids, table, one_hot):
    vectors = table[ids]
    vectors[ids == 0] = 0
    return vectors


EMBED_MISTAKES = {
    "id after": lambda ids, table, one_hot: table.roll(-1, 0)[ids],
    "id before": lambda ids, table, one_hot: table.roll(1, 0)[ids],
    "one-hot only": lambda ids, table, one_hot: F.one_hot(ids, len(table)).to(table.dtype),
    "summed over time": lambda ids, table, one_hot: table[ids].sum(-2),
    "averaged over time": lambda ids, table, one_hot: table[ids].mean(-2),
    "time first": lambda ids, table, one_hot: table[ids.T if ids.dim() == 2 else ids],
    "flattened": lambda ids, table, one_hot: table[ids.flatten()],
    "scaled": lambda ids, table, one_hot: table[ids] * table.shape[1] ** 0.5,
    "row zero left out": row_zero_left_out,
    "normalised": lambda ids, table, one_hot: F.normalize(table[ids], dim=-1),
}


def embed_cases(rng: Random):
    for i in range(2):
        vocab_size, d_model = rng.randint(8, 12), rng.randint(5, 6)
        table = tensor(rng, vocab_size, d_model)
        # Some row stays unused: the check puts an infinity there.
        batch = [[0, *rng.choices(range(vocab_size - 2), k=3)] for _ in range(3)]
        plain = {"ids": torch.tensor(batch), "table": table}
        for one_hot, aspect in ((False, "lookup"), (True, "one-hot")):
            mode = plain | {"one_hot": one_hot}
            yield Case(f"a batch {aspect} {i}", (aspect,), mode)
            yield Case(f"one id {aspect} {i}", (aspect,), mode | {"ids": torch.tensor(i + 1)})
            yield Case(f"gradient {aspect} {i}", ("gradient",), mode)
            for kind in (torch.bfloat16, torch.float64):
                other = mode | {"table": table.to(kind)}
                yield Case(f"{kind} {aspect} {i}", ("dtype",), other)


# --- nearest


def ranked(token, similarity, k, values=None, largest=True):
    """The k best other ids by one measure, with the values of another."""
    order = [i for i in similarity.argsort(descending=largest).tolist() if i != token][:k]
    ids = torch.tensor(order)
    return ids, (similarity if values is None else values)[ids].float()


def cosines(token, table):
    return F.cosine_similarity(table, table[token], dim=1)


def nearest(token, table, k):
    return ranked(token, cosines(token, table), k)


def nearest_one_length(token, table, k):
    return ranked(token, F.normalize(table, dim=1) @ table[token], k)


def nearest_by_distance(token, table, k):
    return ranked(token, -(table - table[token]).norm(dim=1), k, cosines(token, table))


def nearest_distances(token, table, k):
    distance = (table - table[token]).norm(dim=1)
    return ranked(token, distance, k, largest=False)


def nearest_turned_round(token, table, k):
    ids, values = nearest(token, table, k)
    return ids.flip(0), values.flip(0)


def nearest_ids_moved(token, table, k):
    ids, values = nearest(token, table, k)
    return torch.where(ids > token, ids - 1, ids), values


def nearest_columns(token, table, k):
    return nearest(token, table.T.contiguous(), k)


def nearest_centred(token, table, k):
    return nearest(token, table - table.mean(1, keepdim=True), k)


def nearest_squared(token, table, k):
    squared = table.pow(2).sum(1)
    return ranked(token, table @ table[token] / (squared * squared[token]), k)


def nearest_left_out(token, table, k):
    ids, values = nearest(token, table, k + 1)
    return (ids[1:], values[1:]) if len(ids) > k else 1 / 0


NEAREST_MISTAKES = {
    "dot product": lambda token, table, k: ranked(token, table @ table[token], k),
    "one length": nearest_one_length,
    "distance": nearest_by_distance,
    "distances given": nearest_distances,
    "farthest": lambda token, table, k: ranked(token, cosines(token, table), k, largest=False),
    "turned round": nearest_turned_round,
    "ids moved": nearest_ids_moved,
    "absolute": lambda token, table, k: ranked(token, cosines(token, table).abs(), k),
    "columns": nearest_columns,
    "centred": nearest_centred,
    "squared lengths": nearest_squared,
    "softmax": lambda token, table, k: ranked(token, cosines(token, table).softmax(0), k),
    "angles": lambda token, table, k: ranked(
        token, cosines(token, table), k, cosines(token, table).clamp(-1, 1).acos()
    ),
    "nearest left out": nearest_left_out,
}


def nearest_cases(rng: Random):
    three = ("neighbours", "similarities", "not itself")
    for i in range(3):
        vocab_size, d_model = rng.randint(11, 14), rng.randint(5, 7)
        lengths = torch.tensor([rng.choice([0.2, 1, 6]) for _ in range(vocab_size)])
        table = tensor(rng, vocab_size, d_model) * lengths[:, None]
        token = rng.randint(2, vocab_size - 4)
        plain = {"token": token, "table": table, "k": rng.randint(3, 5)}
        yield Case(f"random rows {i}", three, plain)
        yield Case(f"all others {i}", three, plain | {"k": vocab_size - 1})
        for place, where in ((token - 1, "before"), (token + 1, "after")):
            twins = table.clone()
            twins[place] = table[token] * 2
            yield Case(f"a twin {where} {i}", ("not itself",), plain | {"table": twins})
        zeros = table.clone()
        zeros[token + 2] = 0
        all_rows = {"table": zeros, "k": vocab_size - 1}
        yield Case(f"a row of zeros {i}", ("rows of zeros",), plain | all_rows)


# --- sinusoidal_positions


def angles(context_length, d_model, exponent=None, base=10000.0, first=0):
    """Position over base to the exponent of each column, in double precision."""
    columns = torch.arange(d_model, dtype=torch.float64)
    exponent = columns.div(2, rounding_mode="floor") * 2 / d_model if exponent is None else exponent
    positions = torch.arange(first, first + context_length, dtype=torch.float64)
    return positions[:, None] / base**exponent


def waves(angle, even=torch.sin, odd=torch.cos):
    columns = torch.arange(angle.shape[1])
    return torch.where(columns % 2 == 0, even(angle), odd(angle)).float()


def sinusoidal(context_length, d_model):
    return None if d_model % 2 else waves(angles(context_length, d_model))


def pairs(d_model):
    """The number i of the pair that a column belongs to."""
    return torch.arange(d_model, dtype=torch.float64).div(2, rounding_mode="floor")


def halves(n, d):
    table = sinusoidal(n, d)
    return torch.cat([table[:, 0::2], table[:, 1::2]], dim=1)


SINUSOIDAL_MISTAKES = {
    "swapped": lambda n, d: waves(angles(n, d), torch.cos, torch.sin),
    "halves": halves,
    "from 1": lambda n, d: waves(angles(n, d, first=1)),
    "from the end": lambda n, d: sinusoidal(n, d).flip(0),
    "own exponent": lambda n, d: waves(angles(n, d, torch.arange(d).double() / d)),
    "i for 2i": lambda n, d: waves(angles(n, d, pairs(d) / d)),
    "4i for 2i": lambda n, d: waves(angles(n, d, 4 * pairs(d) / d)),
    "divided by d/2 - 1": lambda n, d: waves(angles(n, d, pairs(d) / (d / 2 - 1))),
    "base 1000": lambda n, d: waves(angles(n, d, base=1000.0)),
    "base 100000": lambda n, d: waves(angles(n, d, base=100000.0)),
    "one wavelength": lambda n, d: waves(angles(n, d, 0 * pairs(d))),
    "sine only": lambda n, d: waves(angles(n, d), odd=torch.sin),
    "cosine only": lambda n, d: waves(angles(n, d), even=torch.cos),
    "degrees": lambda n, d: waves(angles(n, d) * math.pi / 180),
    "share of the context": lambda n, d: waves(angles(n, d) / n),
    "times 2 pi": lambda n, d: waves(angles(n, d) * 2 * math.pi),
    "transposed": lambda n, d: sinusoidal(n, d).T.contiguous(),
}


def even_only(mistake):
    """The mistake, which does not show where d_model is odd: that is a question of its own."""
    return lambda n, d: None if d % 2 else mistake(n, d)


def sinusoidal_cases(rng: Random):
    def table(n, d):
        return {"context_length": n, "d_model": d}

    for i in range(3):
        n = rng.randint(9, 19)
        yield Case(f"two columns {i}", ("first columns",), table(n, 2))
        yield Case(f"many columns {i}", ("all columns",), table(n, rng.choice([20, 24, 34])))
        yield Case(f"dtype {i}", ("dtype",), table(n, 8))
        yield Case(f"odd {i}", ("odd d_model",), table(n, rng.choice([1, 3, 7, 21])))
    yield Case("one place", ("all columns",), table(1, 10))
    yield Case("more places", ("all columns",), table(rng.randint(35, 40), 12))


# --- TokenAndPosition


def summed(combine):
    """An oracle from a function of token vectors, the position table, ids and places.

    Where no weights are given the sinusoidal table is asked for, and nothing where ids are too long.
    """

    def output(vocab_size, context_length, d_model, learned, token, position, ids):
        if token is None:
            return sinusoidal(context_length, d_model)
        time = ids.shape[1]
        if time > context_length:
            return None
        return combine(token[ids], position, ids, torch.arange(time))

    return output


POSITION_MISTAKES = {
    "positions twice": lambda x, position, ids, t: x + 2 * position[t],
    "no positions": lambda x, position, ids, t: x,
    "no tokens": lambda x, position, ids, t: x * 0 + position[t],
    "by row": lambda x, position, ids, t: x + position[: len(ids), None],
    "last rows": lambda x, position, ids, t: x + position[-len(t) :],
    "from 1": lambda x, position, ids, t: x + position[t + 1],
    "by id": lambda x, position, ids, t: x + position[ids],
    "first place": lambda x, position, ids, t: x + position[0],
    "last place": lambda x, position, ids, t: x + position[len(t)],
    "scaled": lambda x, position, ids, t: x * x.shape[-1] ** 0.5 + position[t],
    "scaled down": lambda x, position, ids, t: x / x.shape[-1] ** 0.5 + position[t],
    "multiplied": lambda x, position, ids, t: x * position[t],
    "side by side": lambda x, position, ids, t: torch.cat(
        [x, position[t].expand(len(ids), -1, -1)], dim=-1
    ),
    "mean": lambda x, position, ids, t: (x + position[t]) / 2,
    "normalised": lambda x, position, ids, t: F.layer_norm(x + position[t], x.shape[-1:]),
}


def token_and_position_cases(rng: Random):
    for i in range(2):
        vocab_size, context_length, d_model = rng.randint(11, 15), rng.randint(8, 9), 6
        sizes = {"vocab_size": vocab_size, "context_length": context_length, "d_model": d_model}
        weights = {
            "token": tensor(rng, vocab_size, d_model),
            "position": tensor(rng, context_length, d_model, scale=2.0) + 5,
        }

        def rows(time, vocab_size=vocab_size):
            return torch.tensor([rng.choices(range(vocab_size), k=time) for _ in range(3)])

        none = {"token": None, "position": None}
        for learned in (False, True):
            mode = sizes | {"learned": learned} | weights
            name = "learned" if learned else "sinusoidal"
            for time in (1, 5, context_length):
                yield Case(f"{time} tokens, {name} {i}", ("sum",), mode | {"ids": rows(time)})
            long = mode | {"ids": rows(context_length + 1 + i)}
            yield Case(f"too long, {name} {i}", ("too long",), long)
            yield Case(f"moved, {name} {i}", ("moves",), mode | {"ids": rows(4)})
        fixed = sizes | {"learned": False} | none | {"ids": rows(4)}
        yield Case(f"the table {i}", ("sinusoidal",), fixed)
        yield Case(f"gradient {i}", ("learned",), mode | {"ids": rows(4)})


ORACLES = {
    "train_val_split": Oracle(train_val_split_cases),
    "get_batch": Oracle(get_batch_cases),
    "embed": Oracle(embed_cases, embed, EMBED_MISTAKES),
    "nearest": Oracle(nearest_cases, nearest, NEAREST_MISTAKES),
    "sinusoidal_positions": Oracle(
        sinusoidal_cases,
        sinusoidal,
        {name: even_only(mistake) for name, mistake in SINUSOIDAL_MISTAKES.items()},
    ),
    "TokenAndPosition": Oracle(
        token_and_position_cases,
        summed(lambda x, position, ids, t: x + position[t]),
        {name: summed(mistake) for name, mistake in POSITION_MISTAKES.items()},
    ),
}
