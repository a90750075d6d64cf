"""Answers to lab02_embeddings, right and wrong."""

from torch import nn

from tests.bank import right, wrong

# --- train_val_split


@right("lab02.train_val_split", way="torch.split, rounded up")
def train_val_split(ids, fraction=0.8):
    import math

    cut = math.ceil(fraction * len(ids))
    return torch.split(ids, [cut, len(ids) - cut])


@right("lab02.train_val_split", way="a mask by place, rounded to the nearest")
def train_val_split(ids, fraction=0.8):
    in_train = torch.arange(len(ids)) < round(fraction * len(ids))
    return ids[in_train], ids[~in_train]


@right("lab02.train_val_split", way="narrow and a loop for the rest")
def train_val_split(ids, fraction=0.8):
    n = int(len(ids) * fraction)
    rest = [ids[i] for i in range(n, len(ids))]
    return ids.narrow(0, 0, n), torch.stack(rest)


@right("lab02.train_val_split", way="tensor_split, given back as a list")
def train_val_split(ids, fraction=0.8):
    return list(ids.tensor_split([int(ids.numel() * fraction)]))


@wrong("lab02.train_val_split", says="The order of the ids is lost", earns=1.5)
def train_val_split(ids, fraction=0.8):
    ids = ids[torch.randperm(len(ids), generator=torch.Generator().manual_seed(0))]
    cut = int(fraction * len(ids))
    return ids[:cut], ids[cut:]


@wrong("lab02.train_val_split", says="The two parts are swapped", earns=0.5)
def train_val_split(ids, fraction=0.8):
    cut = int(fraction * len(ids))
    return ids[cut:], ids[:cut]


@wrong("lab02.train_val_split", says="The validation part is the beginning of the text", earns=1.5)
def train_val_split(ids, fraction=0.8):
    cut = len(ids) - int(fraction * len(ids))
    return ids[cut:], ids[:cut]


@wrong("lab02.train_val_split", says="fraction is the share of the training part", earns=1)
def train_val_split(ids, fraction=0.8):
    cut = int((1 - fraction) * len(ids))
    return ids[:cut], ids[cut:]


@wrong("lab02.train_val_split", says="fraction is not used", earns=1)
def train_val_split(ids, fraction=0.8):
    cut = int(0.8 * len(ids))
    return ids[:cut], ids[cut:]


@wrong("lab02.train_val_split", says="The id at the cut is lost", earns=1.5)
def train_val_split(ids, fraction=0.8):
    cut = int(fraction * len(ids))
    return ids[:cut], ids[cut + 1 :]


@wrong("lab02.train_val_split", says="Some ids are in both parts", earns=1.5)
def train_val_split(ids, fraction=0.8):
    cut = int(fraction * len(ids))
    return ids[:cut], ids[cut - 1 :]


@wrong("lab02.train_val_split", says="Some ids are in both parts", earns=1.5)
def train_val_split(ids, fraction=0.8):
    cut = int(fraction * len(ids))
    return ids[:cut], ids[-cut:]


@wrong("lab02.train_val_split", says="Validation ids come from between training ids")
def train_val_split(ids, fraction=0.8):
    step = round(1 / (1 - fraction))
    in_val = torch.arange(len(ids)) % step == 0
    return ids[~in_val], ids[in_val]


@wrong("lab02.train_val_split", says="Ids are lost")
def train_val_split(ids, fraction=0.8):
    cut = int(fraction * len(ids))
    return torch.unique_consecutive(ids[:cut]), torch.unique_consecutive(ids[cut:])


@wrong("lab02.train_val_split", says="train is a list, expected a torch.Tensor", earns=0)
def train_val_split(ids, fraction=0.8):
    ids = ids.tolist()
    cut = int(fraction * len(ids))
    return ids[:cut], ids[cut:]


@wrong("lab02.train_val_split", says="it returned a torch.Tensor", earns=0)
def train_val_split(ids, fraction=0.8):
    cut = int(fraction * len(ids))
    return ids[:cut]


@wrong("lab02.train_val_split", says="raised TypeError: slice indices must be integers", earns=0)
def train_val_split(ids, fraction=0.8):
    cut = fraction * len(ids)
    return ids[:cut], ids[cut:]


@wrong("lab02.train_val_split", says="forget a return", earns=0)
def train_val_split(ids, fraction=0.8):
    cut = int(fraction * len(ids))
    ids[:cut], ids[cut:]


# --- get_batch


@right("lab02.get_batch", way="two stacks, as nanoGPT does it")
def get_batch(ids, batch_size, context_length, generator):
    if len(ids) <= context_length:
        raise ValueError("too short")
    ix = torch.randint(len(ids) - context_length, (batch_size,), generator=generator)
    x = torch.stack([ids[i : i + context_length] for i in ix])
    y = torch.stack([ids[i + 1 : i + 1 + context_length] for i in ix])
    return x, y


@right("lab02.get_batch", way="indexing with a table of places")
def get_batch(ids, batch_size, context_length, generator):
    last = ids.shape[0] - context_length - 1
    if last < 0:
        raise ValueError("the text is shorter than a row and its targets")
    starts = torch.randint(0, last + 1, (batch_size, 1), generator=generator)
    places = starts + torch.arange(context_length)
    return ids[places], ids[places + 1]


@right("lab02.get_batch", way="all windows by unfold, drawn by multinomial")
def get_batch(ids, batch_size, context_length, generator):
    if context_length + 1 > len(ids):
        raise ValueError("too short")
    windows = ids.unfold(0, context_length + 1, 1)
    even = torch.ones(len(windows))
    rows = windows[torch.multinomial(even, batch_size, replacement=True, generator=generator)]
    return rows[:, :-1].contiguous(), rows[:, 1:].contiguous()


@right("lab02.get_batch", way="loops, and starts from torch.rand")
def get_batch(ids, batch_size, context_length, generator):
    n = len(ids) - context_length
    if n <= 0:
        raise ValueError(n)
    x = torch.zeros(batch_size, context_length, dtype=torch.long)
    y = torch.zeros(batch_size, context_length, dtype=torch.long)
    for b in range(batch_size):
        start = int(torch.rand(1, generator=generator).item() * n)
        for t in range(context_length):
            x[b, t] = ids[start + t]
            y[b, t] = ids[start + t + 1]
    return [x, y]


@wrong("lab02.get_batch", says="y is equal to x", earns=3)
def get_batch(ids, batch_size, context_length, generator):
    n = len(ids) - context_length
    if n < 1:
        raise ValueError("too short")
    starts = torch.randint(n, (batch_size,), generator=generator)
    x = torch.stack([ids[s : s + context_length] for s in starts])
    y = torch.stack([ids[s : s + context_length] for s in starts])
    return x, y


@wrong("lab02.get_batch", says="The last legal start never occurs", earns=3)
def get_batch(ids, batch_size, context_length, generator):
    last = len(ids) - context_length - 1
    if last < 0:
        raise ValueError("too short")
    starts = torch.randint(0, last, (batch_size,), generator=generator)
    rows = torch.stack([ids[s : s + context_length + 1] for s in starts])
    return rows[:, :-1], rows[:, 1:]


@wrong("lab02.get_batch", says="The last legal start never occurs", earns=3)
def get_batch(ids, batch_size, context_length, generator):
    if len(ids) < context_length + 1:
        raise ValueError("too short")
    last = max(len(ids) - context_length - 1, 1)
    starts = torch.randint(last, (batch_size,), generator=generator)
    rows = torch.stack([ids[s : s + context_length + 1] for s in starts])
    return rows[:, :-1], rows[:, 1:]


@wrong("lab02.get_batch", says="raised RuntimeError: stack expects each tensor to be equal size")
def get_batch(ids, batch_size, context_length, generator):
    n = len(ids) - context_length + 1
    if n < 1:
        raise ValueError("too short")
    starts = torch.randint(n, (batch_size,), generator=generator)
    x = torch.stack([ids[s : s + context_length] for s in starts])
    y = torch.stack([ids[s + 1 : s + context_length + 1] for s in starts])
    return x, y


@wrong("lab02.get_batch", says="Start 0 never occurs", earns=3)
def get_batch(ids, batch_size, context_length, generator):
    n = len(ids) - context_length
    if n < 1:
        raise ValueError("too short")
    starts = torch.randint(1, max(n, 2), (batch_size,), generator=generator).clamp(max=n - 1)
    rows = torch.stack([ids[s : s + context_length + 1] for s in starts])
    return rows[:, :-1], rows[:, 1:]


@wrong("lab02.get_batch", says="pass generator=generator to what draws the starts", earns=3.5)
def get_batch(ids, batch_size, context_length, generator):
    n = len(ids) - context_length
    if n < 1:
        raise ValueError("too short")
    starts = torch.randint(n, (batch_size,))
    rows = torch.stack([ids[s : s + context_length + 1] for s in starts])
    return rows[:, :-1], rows[:, 1:]


@wrong("lab02.get_batch", says="pass generator=generator to what draws the starts", earns=3.5)
def get_batch(ids, batch_size, context_length, generator):
    import random

    if len(ids) <= context_length:
        raise ValueError("too short")
    starts = [random.randrange(len(ids) - context_length) for _ in range(batch_size)]
    rows = torch.stack([ids[s : s + context_length + 1] for s in starts])
    return rows[:, :-1], rows[:, 1:]


@wrong("lab02.get_batch", says=("Every call gives the same starts", "do not seed it"), earns=2.5)
def get_batch(ids, batch_size, context_length, generator):
    n = len(ids) - context_length
    if n < 1:
        raise ValueError("too short")
    generator.manual_seed(1337)
    starts = torch.randint(n, (batch_size,), generator=generator)
    rows = torch.stack([ids[s : s + context_length + 1] for s in starts])
    return rows[:, :-1], rows[:, 1:]


@wrong("lab02.get_batch", says="raised RuntimeError, expected a ValueError", earns=3.5)
def get_batch(ids, batch_size, context_length, generator):
    starts = torch.randint(len(ids) - context_length, (batch_size,), generator=generator)
    rows = torch.stack([ids[s : s + context_length + 1] for s in starts])
    return rows[:, :-1], rows[:, 1:]


@wrong("lab02.get_batch", says="raised AssertionError, expected a ValueError", earns=3.5)
def get_batch(ids, batch_size, context_length, generator):
    assert len(ids) > context_length, "too short"
    starts = torch.randint(len(ids) - context_length, (batch_size,), generator=generator)
    rows = torch.stack([ids[s : s + context_length + 1] for s in starts])
    return rows[:, :-1], rows[:, 1:]


@wrong("lab02.get_batch", says="get_batch did not raise a ValueError", earns=3.5)
def get_batch(ids, batch_size, context_length, generator):
    n = max(len(ids) - context_length, 1)
    starts = torch.randint(n, (batch_size,), generator=generator)
    rows = torch.stack([ids[s : s + context_length + 1] for s in starts])
    return rows[:, :-1], rows[:, 1:]


@wrong("lab02.get_batch", says="y is two tokens ahead of x")
def get_batch(ids, batch_size, context_length, generator):
    n = len(ids) - context_length - 1
    if n < 0:
        raise ValueError("too short")
    starts = torch.randint(max(n, 1), (batch_size,), generator=generator)
    places = starts[:, None] + torch.arange(context_length)
    return ids[places], ids[(places + 2).clamp(max=len(ids) - 1)]


@wrong("lab02.get_batch", says="The last target of a row is the row's own first token", earns=3)
def get_batch(ids, batch_size, context_length, generator):
    n = len(ids) - context_length
    if n < 1:
        raise ValueError("too short")
    starts = torch.randint(n, (batch_size,), generator=generator)
    x = torch.stack([ids[s : s + context_length] for s in starts])
    return x, x.roll(-1, dims=1)


@wrong("lab02.get_batch", says="The last target of a row is not the token that follows", earns=3)
def get_batch(ids, batch_size, context_length, generator):
    n = len(ids) - context_length
    if n < 1:
        raise ValueError("too short")
    starts = torch.randint(n, (batch_size,), generator=generator)
    x = torch.stack([ids[s : s + context_length] for s in starts])
    y = torch.zeros_like(x)
    y[:, :-1] = x[:, 1:]
    return x, y


@wrong("lab02.get_batch", says="y has one target a row", earns=3)
def get_batch(ids, batch_size, context_length, generator):
    n = len(ids) - context_length
    if n < 1:
        raise ValueError("too short")
    starts = torch.randint(n, (batch_size,), generator=generator)
    x = torch.stack([ids[s : s + context_length] for s in starts])
    return x, ids[starts + context_length]


@wrong("lab02.get_batch", says="y is the window after x")
def get_batch(ids, batch_size, context_length, generator):
    n = len(ids) - context_length
    if n < 1:
        raise ValueError("too short")
    starts = torch.randint(n, (batch_size,), generator=generator)
    places = starts[:, None] + torch.arange(context_length)
    return ids[places], ids[(places + context_length) % len(ids)]


@wrong("lab02.get_batch", says="y is one token behind x")
def get_batch(ids, batch_size, context_length, generator):
    n = len(ids) - context_length
    if n < 1:
        raise ValueError("too short")
    starts = torch.randint(n, (batch_size,), generator=generator)
    rows = torch.stack([ids[s : s + context_length + 1] for s in starts])
    return rows[:, 1:], rows[:, :-1]


@wrong("lab02.get_batch", says="All rows of a batch begin at the same place", earns=3)
def get_batch(ids, batch_size, context_length, generator):
    n = len(ids) - context_length
    if n < 1:
        raise ValueError("too short")
    s = torch.randint(n, (1,), generator=generator).item()
    rows = ids[s : s + context_length + 1].repeat(batch_size, 1)
    return rows[:, :-1], rows[:, 1:]


@wrong("lab02.get_batch", says="Every row begins at the same place")
def get_batch(ids, batch_size, context_length, generator):
    if len(ids) <= context_length:
        raise ValueError("too short")
    rows = ids[: context_length + 1].repeat(batch_size, 1)
    return rows[:, :-1], rows[:, 1:]


@wrong("lab02.get_batch", says="Only every context_length-th start occurs", earns=3)
def get_batch(ids, batch_size, context_length, generator):
    n = len(ids) - context_length
    if n < 1:
        raise ValueError("too short")
    pieces = (n - 1) // context_length + 1
    starts = torch.randint(pieces, (batch_size,), generator=generator) * context_length
    rows = torch.stack([ids[s : s + context_length + 1] for s in starts])
    return rows[:, :-1], rows[:, 1:]


@wrong("lab02.get_batch", says="The rows' starts follow from one another", earns=3)
def get_batch(ids, batch_size, context_length, generator):
    n = len(ids) - context_length
    if n < 1:
        raise ValueError("too short")
    first = torch.randint(n, (1,), generator=generator)
    starts = (first + torch.arange(batch_size)) % n
    rows = torch.stack([ids[s : s + context_length + 1] for s in starts])
    return rows[:, :-1], rows[:, 1:]


@wrong("lab02.get_batch", says="A batch holds each start once")
def get_batch(ids, batch_size, context_length, generator):
    n = len(ids) - context_length
    if n < 1:
        raise ValueError("too short")
    starts = torch.randperm(n, generator=generator)[:batch_size]
    rows = torch.stack([ids[s : s + context_length + 1] for s in starts])
    return rows[:, :-1], rows[:, 1:]


@wrong("lab02.get_batch", says="Some starts occur far more often than others", earns=3)
def get_batch(ids, batch_size, context_length, generator):
    if len(ids) <= context_length:
        raise ValueError("too short")
    starts = torch.randint(len(ids), (batch_size,), generator=generator)
    starts = starts.clamp(max=len(ids) - context_length - 1)
    rows = torch.stack([ids[s : s + context_length + 1] for s in starts])
    return rows[:, :-1], rows[:, 1:]


@wrong("lab02.get_batch", says="x has context_length + 1 columns")
def get_batch(ids, batch_size, context_length, generator):
    n = len(ids) - context_length
    if n < 1:
        raise ValueError("too short")
    starts = torch.randint(n, (batch_size,), generator=generator)
    rows = torch.stack([ids[s : s + context_length + 1] for s in starts])
    return rows, rows[:, 1:]


@wrong("lab02.get_batch", says="x has context_length - 1 columns")
def get_batch(ids, batch_size, context_length, generator):
    n = len(ids) - context_length
    if n < 1:
        raise ValueError("too short")
    starts = torch.randint(n, (batch_size,), generator=generator)
    rows = torch.stack([ids[s : s + context_length] for s in starts])
    return rows[:, :-1], rows[:, 1:]


@wrong("lab02.get_batch", says="a row is a sequence (batch first)")
def get_batch(ids, batch_size, context_length, generator):
    n = len(ids) - context_length
    if n < 1:
        raise ValueError("too short")
    starts = torch.randint(n, (batch_size,), generator=generator)
    places = torch.arange(context_length)[:, None] + starts
    return ids[places], ids[places + 1]


@wrong("lab02.get_batch", says="x has dtype torch.float32, expected torch.int64")
def get_batch(ids, batch_size, context_length, generator):
    n = len(ids) - context_length
    if n < 1:
        raise ValueError("too short")
    x, y = torch.empty(batch_size, context_length), torch.empty(batch_size, context_length)
    for b, s in enumerate(torch.randint(n, (batch_size,), generator=generator)):
        x[b], y[b] = ids[s : s + context_length], ids[s + 1 : s + context_length + 1]
    return x, y


@wrong("lab02.get_batch", says="A row of x is not a piece of the text")
def get_batch(ids, batch_size, context_length, generator):
    n = len(ids) - context_length
    if n < 1:
        raise ValueError("too short")
    places = torch.randint(len(ids) - 1, (batch_size, context_length), generator=generator)
    return ids[places], ids[places + 1]


@wrong("lab02.get_batch", says="x is a list, expected a torch.Tensor")
def get_batch(ids, batch_size, context_length, generator):
    n = len(ids) - context_length
    if n < 1:
        raise ValueError("too short")
    starts = torch.randint(n, (batch_size,), generator=generator)
    x = [ids[s : s + context_length] for s in starts]
    y = [ids[s + 1 : s + context_length + 1] for s in starts]
    return x, y


# --- embed


@right("lab02.embed", way="F.embedding and an einsum")
def embed(ids, table, one_hot=False):
    if not one_hot:
        return F.embedding(ids, table)
    rows = F.one_hot(ids, num_classes=table.size(0)).type_as(table)
    return torch.einsum("...v,vd->...d", rows, table)


@right("lab02.embed", way="index_select, and rows of the identity")
def embed(ids, table, one_hot=False):
    if one_hot:
        return torch.eye(table.shape[0], dtype=table.dtype, device=table.device)[ids] @ table
    return table.index_select(0, ids.flatten()).reshape(*ids.shape, table.shape[1])


@right("lab02.embed", way="a loop, and comparison with all ids")
def embed(ids, table, one_hot=False):
    if one_hot:
        rows = (ids[..., None] == torch.arange(len(table), device=ids.device)).to(table.dtype)
        return torch.matmul(rows, table)
    rows = [table[i] for i in ids.flatten().tolist()]
    return torch.stack(rows).view(*ids.shape, -1)


@right("lab02.embed", way="gather, and scatter into zeros")
def embed(ids, table, one_hot=False):
    if one_hot:
        zeros = torch.zeros(*ids.shape, table.size(0), dtype=table.dtype)
        return zeros.scatter(-1, ids.unsqueeze(-1), 1) @ table
    places = ids.reshape(-1, 1).expand(-1, table.size(1))
    return table.gather(0, places).reshape(*ids.shape, table.size(1))


@wrong("lab02.embed", says="With one_hot=True the rows are still looked up", earns=2.25)
def embed(ids, table, one_hot=False):
    return table[ids]


@wrong("lab02.embed", says="The vectors come from a product with the whole table", earns=2.25)
def embed(ids, table, one_hot=False):
    return F.one_hot(ids, len(table)).to(table.dtype) @ table


@wrong("lab02.embed", says="raised RuntimeError: mat1 and mat2 shapes cannot be multiplied")
def embed(ids, table, one_hot=False):
    if one_hot:
        return F.one_hot(ids).to(table.dtype) @ table
    return table[ids]


@wrong("lab02.embed", says="raised RuntimeError: expected", earns=2.5)
def embed(ids, table, one_hot=False):
    if one_hot:
        return F.one_hot(ids, len(table)).float() @ table
    return table[ids]


@wrong("lab02.embed", says="but got: long int != float", earns=0.75)
def embed(ids, table, one_hot=False):
    if one_hot:
        return F.one_hot(ids, len(table)) @ table
    return table[ids]


@wrong("lab02.embed", says="No gradient reaches the table", earns=2)
def embed(ids, table, one_hot=False):
    table = table.detach()
    if one_hot:
        return F.one_hot(ids, len(table)).to(table.dtype) @ table
    return table[ids]


@wrong("lab02.embed", says="No gradient reaches the table", earns=2)
def embed(ids, table, one_hot=False):
    if one_hot:
        return F.one_hot(ids, len(table)).to(table.dtype) @ table
    return nn.Embedding.from_pretrained(table)(ids)


@wrong("lab02.embed", says="The vectors are not from this table")
def embed(ids, table, one_hot=False):
    if one_hot:
        return F.one_hot(ids, len(table)).to(table.dtype) @ table
    return nn.Embedding(*table.shape)(ids)


@wrong("lab02.embed", says="Can't call numpy() on Tensor that requires grad")
def embed(ids, table, one_hot=False):
    if one_hot:
        return F.one_hot(ids, len(table)).to(table.dtype) @ table
    return torch.from_numpy(table.numpy()[ids.numpy()])


@wrong("lab02.embed", says="multiply them with the table")
def embed(ids, table, one_hot=False):
    if one_hot:
        return F.one_hot(ids, len(table)).to(table.dtype)
    return table[ids]


@wrong("lab02.embed", says="raised IndexError")
def embed(ids, table, one_hot=False):
    if one_hot:
        return F.one_hot(ids, len(table)).to(table.dtype) @ table
    return table[:, ids]


@wrong("lab02.embed", says="The vectors are those of the id before")
def embed(ids, table, one_hot=False):
    if one_hot:
        return F.one_hot(ids, len(table)).to(table.dtype) @ table
    return table[ids - 1]


@wrong("lab02.embed", says="The vectors were summed over the sequence")
def embed(ids, table, one_hot=False):
    if one_hot:
        return F.one_hot(ids, len(table)).to(table.dtype).sum(-2) @ table
    return table[ids].sum(-2)


@wrong("lab02.embed", says="The vectors are multiplied by the square root of d_model")
def embed(ids, table, one_hot=False):
    vectors = F.one_hot(ids, len(table)).to(table.dtype) @ table if one_hot else table[ids]
    return vectors * table.shape[1] ** 0.5


@wrong("lab02.embed", says="The rows of the batch were laid end to end")
def embed(ids, table, one_hot=False):
    ids = ids.flatten()
    if one_hot:
        return F.one_hot(ids, len(table)).to(table.dtype) @ table
    return table[ids]


@wrong("lab02.embed", says="Row 0 of the table gets no gradient", earns=2)
def embed(ids, table, one_hot=False):
    if one_hot:
        return F.one_hot(ids, len(table)).to(table.dtype) @ table
    return F.embedding(ids, table, padding_idx=0)


@wrong("lab02.embed", says="each place where an id stands adds to its row", earns=2)
def embed(ids, table, one_hot=False):
    if one_hot:
        return F.one_hot(ids, len(table)).to(table.dtype) @ table
    return F.embedding(ids, table, scale_grad_by_freq=True)


@wrong("lab02.embed", says="Batch and time are swapped")
def embed(ids, table, one_hot=False):
    if one_hot:
        return F.one_hot(ids, len(table)).to(table.dtype) @ table
    return torch.stack([table[column] for column in ids.unbind(-1)])


@wrong("lab02.embed", says="embed returned a list, expected a torch.Tensor", earns=0)
def embed(ids, table, one_hot=False):
    if one_hot:
        return list(F.one_hot(ids, len(table)).to(table.dtype) @ table)
    return list(table[ids])


@wrong("lab02.embed", says="forget a return", earns=0)
def embed(ids, table, one_hot=False):
    if one_hot:
        F.one_hot(ids, len(table)).to(table.dtype) @ table
    else:
        table[ids]


# --- nearest


@right("lab02.nearest", way="F.cosine_similarity, and the token masked out")
def nearest(token, table, k):
    similarity = F.cosine_similarity(table[token][None], table, dim=-1)
    itself = torch.arange(len(table)) == token
    values, ids = similarity.masked_fill(itself, -2.0).sort(descending=True)
    return ids[:k], values[:k]


@right("lab02.nearest", way="by hand, with the other ids kept beside the rows")
def nearest(token, table, k):
    others = torch.tensor([i for i in range(len(table)) if i != token])
    lengths = table.pow(2).sum(1).sqrt()
    products = table[others] @ table[token]
    cosine = products / (lengths[others] * lengths[token]).clamp(min=1e-12)
    best = torch.argsort(cosine, descending=True)[:k]
    return others[best], cosine[best]


@right("lab02.nearest", way="a loop and sorted")
def nearest(token, table, k):
    def cosine(a, b):
        length = a.norm().item() * b.norm().item()
        return (a @ b).item() / length if length > 0 else 0.0

    scores = [(cosine(table[token], row), i) for i, row in enumerate(table) if i != token]
    best = sorted(scores, reverse=True)[:k]
    return torch.tensor([i for _, i in best]), torch.tensor([score for score, _ in best])


@right("lab02.nearest", way="einsum, nan_to_num, more than k and then filtered")
def nearest(token, table, k):
    unit = torch.nan_to_num(table / table.norm(dim=1, keepdim=True))
    values, ids = torch.einsum("vd,d->v", unit, unit[token]).topk(k + 1)
    others = ids != token
    return ids[others][:k], values[others][:k]


@wrong("lab02.nearest", says="The token is its own neighbour", earns=2.5)
def nearest(token, table, k):
    unit = F.normalize(table, dim=1)
    values, ids = (unit @ unit[token]).topk(k)
    return ids, values


@wrong("lab02.nearest", says="The token is its own neighbour", earns=2.5)
def nearest(token, table, k):
    unit = F.normalize(table, dim=1)
    values, ids = (unit @ unit[token]).sort(descending=True, stable=True)
    return ids[1 : k + 1], values[1 : k + 1]


@wrong("lab02.nearest", says="The rows are compared by their dot product")
def nearest(token, table, k):
    similarity = table @ table[token]
    similarity[token] = -torch.inf
    best = similarity.topk(k)
    return best.indices, best.values


@wrong("lab02.nearest", says="divided by one of the two lengths only", earns=2)
def nearest(token, table, k):
    similarity = F.normalize(table, dim=1) @ table[token]
    similarity[token] = -torch.inf
    best = similarity.topk(k)
    return best.indices, best.values


@wrong("lab02.nearest", says="The rows are compared by their distance")
def nearest(token, table, k):
    distance = torch.cdist(table[token][None], table)[0]
    distance[token] = torch.inf
    ids = distance.topk(k, largest=False).indices
    return ids, F.cosine_similarity(table[ids], table[token], dim=1)


@wrong("lab02.nearest", says="The similarities are distances")
def nearest(token, table, k):
    distance = (table - table[token]).norm(dim=1)
    distance[token] = torch.inf
    best = distance.topk(k, largest=False)
    return best.indices, best.values


@wrong("lab02.nearest", says="These are the least similar rows")
def nearest(token, table, k):
    unit = F.normalize(table, dim=1)
    similarity = unit @ unit[token]
    similarity[token] = torch.inf
    ids = similarity.argsort()[:k]
    return ids, similarity[ids]


@wrong("lab02.nearest", says="The order is turned round")
def nearest(token, table, k):
    unit = F.normalize(table, dim=1)
    similarity = unit @ unit[token]
    similarity[token] = -torch.inf
    ids = similarity.argsort()[-k:]
    return ids, similarity[ids]


@wrong("lab02.nearest", says="Ids above the token are one too low", earns=1)
def nearest(token, table, k):
    unit = F.normalize(table, dim=1)
    others = torch.cat([unit[:token], unit[token + 1 :]])
    best = (others @ unit[token]).topk(k)
    return best.indices, best.values


@wrong("lab02.nearest", says="A row of zeros gave NaN", earns=2.5)
def nearest(token, table, k):
    unit = table / table.norm(dim=1, keepdim=True)
    similarity = unit @ unit[token]
    similarity[token] = -torch.inf
    best = similarity.topk(k)
    return best.indices, best.values


@wrong("lab02.nearest", says="Opposite directions count as near")
def nearest(token, table, k):
    unit = F.normalize(table, dim=1)
    similarity = (unit @ unit[token]).abs()
    similarity[token] = -torch.inf
    best = similarity.topk(k)
    return best.indices, best.values


@wrong("lab02.nearest", says="raised")
def nearest(token, table, k):
    unit = F.normalize(table, dim=0)
    similarity = unit.T @ unit[token]
    similarity[token] = -torch.inf
    best = similarity.topk(k)
    return best.indices, best.values


@wrong("lab02.nearest", says="the square root")
def nearest(token, table, k):
    squared = (table * table).sum(1)
    similarity = table @ table[token] / (squared * squared[token]).clamp(min=1e-12)
    similarity[token] = -torch.inf
    best = similarity.topk(k)
    return best.indices, best.values


@wrong("lab02.nearest", says="similarities went through a softmax")
def nearest(token, table, k):
    unit = F.normalize(table, dim=1)
    weights = torch.softmax(unit @ unit[token], dim=0)
    weights[token] = -torch.inf
    best = weights.topk(k)
    return best.indices, best.values


@wrong("lab02.nearest", says="The nearest row is missing")
def nearest(token, table, k):
    unit = F.normalize(table, dim=1)
    similarity = unit @ unit[token]
    similarity[token] = -torch.inf
    order = similarity.argsort(descending=True)
    ids = order[1 : k + 1]
    return ids, similarity[ids]


@wrong("lab02.nearest", says="must return two tensors, ids and similarities", earns=0)
def nearest(token, table, k):
    unit = F.normalize(table, dim=1)
    similarity = unit @ unit[token]
    similarity[token] = -torch.inf
    return similarity.topk(k).indices


@wrong("lab02.nearest", says="ids has dtype torch.float32", earns=0)
def nearest(token, table, k):
    unit = F.normalize(table, dim=1)
    similarity = unit @ unit[token]
    similarity[token] = -torch.inf
    return similarity.topk(k)


@wrong("lab02.nearest", says="expected (3,), one entry a neighbour")
def nearest(token, table, k):
    unit = F.normalize(table, dim=1)
    values, ids = (unit @ unit[token]).topk(k)
    return ids[1:], values[1:]


@wrong("lab02.nearest", says="one entry a neighbour")
def nearest(token, table, k):
    unit = F.normalize(table, dim=1)
    similarity = unit @ unit[token : token + 1].T
    similarity[token] = -torch.inf
    best = similarity.topk(k, dim=0)
    return best.indices, best.values


# --- sinusoidal_positions


@right("lab02.sinusoidal_positions", way="two loops and math")
def sinusoidal_positions(context_length, d_model):
    import math

    if d_model % 2 == 1:
        raise ValueError("odd")
    table = torch.zeros(context_length, d_model)
    for p in range(context_length):
        for i in range(d_model // 2):
            angle = p / 10000 ** (2 * i / d_model)
            table[p, 2 * i], table[p, 2 * i + 1] = math.sin(angle), math.cos(angle)
    return table


@right("lab02.sinusoidal_positions", way="exp and log, as the PyTorch tutorial does it")
def sinusoidal_positions(context_length, d_model):
    import math

    if d_model % 2:
        raise ValueError("d_model must be even")
    position = torch.arange(context_length).unsqueeze(1)
    div_term = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
    pe = torch.zeros(context_length, d_model)
    pe[:, 0::2] = torch.sin(position * div_term)
    pe[:, 1::2] = torch.cos(position * div_term)
    return pe


@right("lab02.sinusoidal_positions", way="outer product in float64, stacked and flattened")
def sinusoidal_positions(context_length, d_model):
    if d_model & 1:
        raise ValueError(d_model)
    exponent = torch.arange(d_model // 2, dtype=torch.float64) * 2 / d_model
    angle = torch.outer(torch.arange(context_length).double(), 10000.0**-exponent)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1).float()


@right("lab02.sinusoidal_positions", way="NumPy, all cosines as shifted sines")
def sinusoidal_positions(context_length, d_model):
    import numpy as np

    if d_model % 2:
        raise ValueError("odd")
    column = np.arange(d_model)
    angle = np.arange(context_length)[:, None] / 10000 ** (2 * (column // 2) / d_model)
    return torch.tensor(np.sin(angle + (column % 2) * np.pi / 2), dtype=torch.float32)


@right("lab02.sinusoidal_positions", way="complex numbers on the unit circle")
def sinusoidal_positions(context_length, d_model):
    if d_model % 2:
        raise ValueError("odd")
    frequency = 10000 ** (-torch.arange(0, d_model, 2).float() / d_model)
    angle = torch.arange(context_length).float()[:, None] * frequency
    cosine_sine = torch.view_as_real(torch.polar(torch.ones_like(angle), angle))
    return cosine_sine.flip(-1).reshape(context_length, d_model)


@wrong("lab02.sinusoidal_positions", says="Sine and cosine are swapped", earns=0)
def sinusoidal_positions(context_length, d_model):
    if d_model % 2:
        raise ValueError("odd")
    angle = torch.arange(context_length)[:, None] / 10000 ** (torch.arange(0, d_model, 2) / d_model)
    table = torch.zeros(context_length, d_model)
    table[:, 0::2], table[:, 1::2] = angle.cos(), angle.sin()
    return table


@wrong("lab02.sinusoidal_positions", says="The sines fill the left half", earns=2)
def sinusoidal_positions(context_length, d_model):
    if d_model % 2:
        raise ValueError("odd")
    angle = torch.arange(context_length)[:, None] / 10000 ** (torch.arange(0, d_model, 2) / d_model)
    return torch.cat([angle.sin(), angle.cos()], dim=1)


@wrong("lab02.sinusoidal_positions", says="Sine and cosine are swapped")
def sinusoidal_positions(context_length, d_model):
    if d_model % 2:
        raise ValueError("odd")
    angle = torch.arange(context_length)[:, None] / 10000 ** (torch.arange(0, d_model, 2) / d_model)
    return torch.view_as_real(torch.exp(1j * angle)).flatten(1)


@wrong("lab02.sinusoidal_positions", says="The positions are counted from 1", earns=0)
def sinusoidal_positions(context_length, d_model):
    if d_model % 2:
        raise ValueError("odd")
    position = torch.arange(1, context_length + 1)[:, None]
    angle = position / 10000 ** (torch.arange(0, d_model, 2) / d_model)
    table = torch.zeros(context_length, d_model)
    table[:, 0::2], table[:, 1::2] = angle.sin(), angle.cos()
    return table


@wrong("lab02.sinusoidal_positions", says="A cosine has another frequency than the sine before it")
def sinusoidal_positions(context_length, d_model):
    import math

    if d_model % 2:
        raise ValueError("odd")
    table = torch.zeros(context_length, d_model)
    for p in range(context_length):
        for j in range(d_model):
            angle = p / 10000 ** (j / d_model)
            table[p, j] = math.sin(angle) if j % 2 == 0 else math.cos(angle)
    return table


@wrong("lab02.sinusoidal_positions", says="The wavelengths grow too slowly", earns=2)
def sinusoidal_positions(context_length, d_model):
    if d_model % 2:
        raise ValueError("odd")
    angle = torch.arange(context_length)[:, None] / 10000 ** (torch.arange(d_model // 2) / d_model)
    table = torch.zeros(context_length, d_model)
    table[:, 0::2], table[:, 1::2] = angle.sin(), angle.cos()
    return table


@wrong("lab02.sinusoidal_positions", says="The wavelengths grow too fast", earns=2)
def sinusoidal_positions(context_length, d_model):
    if d_model % 2:
        raise ValueError("odd")
    position = torch.arange(context_length)[:, None]
    angle = position / 10000 ** (2 * torch.arange(0, d_model, 2) / d_model)
    table = torch.zeros(context_length, d_model)
    table[:, 0::2], table[:, 1::2] = angle.sin(), angle.cos()
    return table


@wrong("lab02.sinusoidal_positions", says="divide by d_model, not by the number of pairs less one")
def sinusoidal_positions(context_length, d_model):
    import math

    if d_model % 2:
        raise ValueError("odd")
    pairs = torch.arange(d_model // 2)
    frequency = torch.exp(-pairs * math.log(10000) / max(d_model // 2 - 1, 1))
    angle = torch.arange(context_length)[:, None] * frequency
    table = torch.zeros(context_length, d_model)
    table[:, 0::2], table[:, 1::2] = angle.sin(), angle.cos()
    return table


@wrong("lab02.sinusoidal_positions", says="The base is 1000, expected 10000", earns=2)
def sinusoidal_positions(context_length, d_model):
    if d_model % 2:
        raise ValueError("odd")
    angle = torch.arange(context_length)[:, None] / 1000 ** (torch.arange(0, d_model, 2) / d_model)
    table = torch.zeros(context_length, d_model)
    table[:, 0::2], table[:, 1::2] = angle.sin(), angle.cos()
    return table


@wrong("lab02.sinusoidal_positions", says="The angle grows from pair to pair", earns=2)
def sinusoidal_positions(context_length, d_model):
    if d_model % 2:
        raise ValueError("odd")
    angle = torch.arange(context_length)[:, None] * 10000 ** (torch.arange(0, d_model, 2) / d_model)
    table = torch.zeros(context_length, d_model)
    table[:, 0::2], table[:, 1::2] = angle.sin(), angle.cos()
    return table


@wrong("lab02.sinusoidal_positions", says="All pairs have the same wavelength", earns=2)
def sinusoidal_positions(context_length, d_model):
    if d_model % 2:
        raise ValueError("odd")
    position = torch.arange(context_length)[:, None]
    angle = position / 10000 ** (torch.arange(0, d_model, 2) // d_model)
    table = torch.zeros(context_length, d_model)
    table[:, 0::2], table[:, 1::2] = angle.sin(), angle.cos()
    return table


@wrong("lab02.sinusoidal_positions", says="All columns hold sines", earns=0)
def sinusoidal_positions(context_length, d_model):
    if d_model % 2:
        raise ValueError("odd")
    pairs = torch.arange(d_model) // 2
    return torch.sin(torch.arange(context_length)[:, None] / 10000 ** (2 * pairs / d_model))


@wrong("lab02.sinusoidal_positions", says="The angles were taken as degrees", earns=0)
def sinusoidal_positions(context_length, d_model):
    if d_model % 2:
        raise ValueError("odd")
    angle = torch.arange(context_length)[:, None] / 10000 ** (torch.arange(0, d_model, 2) / d_model)
    table = torch.zeros(context_length, d_model)
    table[:, 0::2], table[:, 1::2] = angle.deg2rad().sin(), angle.deg2rad().cos()
    return table


@wrong("lab02.sinusoidal_positions", says="The positions were divided by context_length", earns=0)
def sinusoidal_positions(context_length, d_model):
    if d_model % 2:
        raise ValueError("odd")
    position = torch.arange(context_length)[:, None] / context_length
    angle = position / 10000 ** (torch.arange(0, d_model, 2) / d_model)
    table = torch.zeros(context_length, d_model)
    table[:, 0::2], table[:, 1::2] = angle.sin(), angle.cos()
    return table


@wrong("lab02.sinusoidal_positions", says="Positions and columns are swapped", earns=0)
def sinusoidal_positions(context_length, d_model):
    if d_model % 2:
        raise ValueError("odd")
    angle = torch.arange(context_length) / 10000 ** (torch.arange(0, d_model, 2)[:, None] / d_model)
    table = torch.zeros(d_model, context_length)
    table[0::2], table[1::2] = angle.sin(), angle.cos()
    return table


@wrong("lab02.sinusoidal_positions", says="dtype torch.float64, expected torch.float32", earns=3.5)
def sinusoidal_positions(context_length, d_model):
    import numpy as np

    if d_model % 2:
        raise ValueError("odd")
    angle = np.arange(context_length)[:, None] / 10000 ** (np.arange(0, d_model, 2) / d_model)
    table = np.zeros((context_length, d_model))
    table[:, 0::2], table[:, 1::2] = np.sin(angle), np.cos(angle)
    return torch.from_numpy(table)


@wrong("lab02.sinusoidal_positions", says="requires a gradient: it is fixed", earns=3.5)
def sinusoidal_positions(context_length, d_model):
    if d_model % 2:
        raise ValueError("odd")
    angle = torch.arange(context_length)[:, None] / 10000 ** (torch.arange(0, d_model, 2) / d_model)
    table = torch.zeros(context_length, d_model)
    table[:, 0::2], table[:, 1::2] = angle.sin(), angle.cos()
    return nn.Parameter(table)


@wrong("lab02.sinusoidal_positions", says="raised RuntimeError, expected a ValueError", earns=3.5)
def sinusoidal_positions(context_length, d_model):
    angle = torch.arange(context_length)[:, None] / 10000 ** (torch.arange(0, d_model, 2) / d_model)
    table = torch.zeros(context_length, d_model)
    table[:, 0::2], table[:, 1::2] = angle.sin(), angle.cos()
    return table


@wrong("lab02.sinusoidal_positions", says="did not raise a ValueError", earns=3.5)
def sinusoidal_positions(context_length, d_model):
    angle = torch.arange(context_length)[:, None] / 10000 ** (torch.arange(0, d_model, 2) / d_model)
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(1)[:, :d_model]


@wrong("lab02.sinusoidal_positions", says="no batch axis", earns=0)
def sinusoidal_positions(context_length, d_model):
    if d_model % 2:
        raise ValueError("odd")
    angle = torch.arange(context_length)[:, None] / 10000 ** (torch.arange(0, d_model, 2) / d_model)
    pe = torch.zeros(context_length, d_model)
    pe[:, 0::2], pe[:, 1::2] = angle.sin(), angle.cos()
    return pe.unsqueeze(0)


@wrong("lab02.sinusoidal_positions", says="is a numpy.ndarray, expected a torch.Tensor", earns=0)
def sinusoidal_positions(context_length, d_model):
    import numpy as np

    if d_model % 2:
        raise ValueError("odd")
    angle = np.arange(context_length)[:, None] / 10000 ** (np.arange(0, d_model, 2) / d_model)
    table = np.zeros((context_length, d_model), dtype=np.float32)
    table[:, 0::2], table[:, 1::2] = np.sin(angle), np.cos(angle)
    return table


# --- TokenAndPosition


@right("lab02.TokenAndPosition", way="nn.Embedding for the learned places, with arange")
class TokenAndPosition(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, learned=False):
        super().__init__()
        self.context_length = context_length
        self.token = nn.Embedding(vocab_size, d_model)
        if learned:
            self.position = nn.Embedding(context_length, d_model)
        else:
            self.register_buffer("position", sinusoidal_positions(context_length, d_model))

    def forward(self, ids):
        b, t = ids.shape
        if t > self.context_length:
            raise ValueError(f"{t} > {self.context_length}")
        places = torch.arange(t, device=ids.device)
        if isinstance(self.position, nn.Embedding):
            return self.token(ids) + self.position(places)
        return self.token(ids) + self.position[places]


@right("lab02.TokenAndPosition", way="a buffer that is not saved, zeros that learn, F.embedding")
class TokenAndPosition(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, learned=False):
        super().__init__()
        self.token = nn.Embedding(vocab_size, d_model)
        if learned:
            self.position = nn.Parameter(torch.zeros(context_length, d_model))
        else:
            table = sinusoidal_positions(context_length, d_model)
            self.register_buffer("position", table, persistent=False)

    def forward(self, ids):
        context_length = self.position.shape[0]
        if ids.size(1) > context_length:
            raise ValueError("too long")
        places = torch.arange(ids.size(1), device=ids.device).expand_as(ids)
        return F.embedding(ids, self.token.weight) + F.embedding(places, self.position)


@right("lab02.TokenAndPosition", way="nn.Buffer, a loop over places")
class TokenAndPosition(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, learned=False):
        super().__init__()
        self.token = nn.Embedding(vocab_size, d_model)
        table = sinusoidal_positions(context_length, d_model)
        self.position = nn.Parameter(table) if learned else nn.Buffer(table)

    def forward(self, ids):
        if ids.shape[-1] > self.position.shape[0]:
            raise ValueError("too long")
        columns = [self.token(ids[:, t]) + self.position[t] for t in range(ids.shape[1])]
        return torch.stack(columns, dim=1)


@wrong("lab02.TokenAndPosition", says="The positions are added twice", earns=1.75)
class TokenAndPosition(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, learned=False):
        super().__init__()
        self.token = nn.Embedding(vocab_size, d_model)
        table = sinusoidal_positions(context_length, d_model)
        if learned:
            self.position = nn.Parameter(table)
        else:
            self.register_buffer("position", table)

    def forward(self, ids):
        time = ids.shape[1]
        if time > len(self.position):
            raise ValueError("too long")
        x = self.token(ids) + self.position[:time]
        return x + self.position[:time]


@wrong("lab02.TokenAndPosition", says="position is a plain attribute", earns=2.5)
class TokenAndPosition(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, learned=False):
        super().__init__()
        self.token = nn.Embedding(vocab_size, d_model)
        self.position = sinusoidal_positions(context_length, d_model)
        if learned:
            self.position = nn.Parameter(self.position)

    def forward(self, ids):
        time = ids.shape[1]
        if time > len(self.position):
            raise ValueError("too long")
        return self.token(ids) + self.position[:time]


@wrong("lab02.TokenAndPosition", says="Without learned, position is a parameter", earns=3)
class TokenAndPosition(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, learned=False):
        super().__init__()
        self.token = nn.Embedding(vocab_size, d_model)
        table = sinusoidal_positions(context_length, d_model)
        self.position = nn.Parameter(table, requires_grad=learned)

    def forward(self, ids):
        time = ids.shape[1]
        if time > len(self.position):
            raise ValueError("too long")
        return self.token(ids) + self.position[:time]


@wrong("lab02.TokenAndPosition", says="Without learned, position is a parameter", earns=3)
class TokenAndPosition(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, learned=False):
        super().__init__()
        self.context_length = context_length
        self.token = nn.Embedding(vocab_size, d_model)
        self.position = nn.Embedding(context_length, d_model)
        if not learned:
            self.position.weight.data.copy_(sinusoidal_positions(context_length, d_model))

    def forward(self, ids):
        time = ids.shape[1]
        if time > self.context_length:
            raise ValueError("too long")
        return self.token(ids) + self.position(torch.arange(time, device=ids.device))


@wrong(
    "lab02.TokenAndPosition",
    says="With learned=True the position table must be a parameter",
    earns=3.25,
)
class TokenAndPosition(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, learned=False):
        super().__init__()
        self.token = nn.Embedding(vocab_size, d_model)
        self.register_buffer("position", sinusoidal_positions(context_length, d_model))

    def forward(self, ids):
        time = ids.shape[1]
        if time > len(self.position):
            raise ValueError("too long")
        return self.token(ids) + self.position[:time]


@wrong(
    "lab02.TokenAndPosition",
    says="TokenAndPosition raised RuntimeError, expected a ValueError",
    earns=3.25,
)
class TokenAndPosition(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, learned=False):
        super().__init__()
        self.token = nn.Embedding(vocab_size, d_model)
        table = sinusoidal_positions(context_length, d_model)
        if learned:
            self.position = nn.Parameter(table)
        else:
            self.register_buffer("position", table)

    def forward(self, ids):
        return self.token(ids) + self.position[: ids.shape[1]]


@wrong("lab02.TokenAndPosition", says="did not raise a ValueError", earns=3.25)
class TokenAndPosition(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, learned=False):
        super().__init__()
        self.token = nn.Embedding(vocab_size, d_model)
        table = sinusoidal_positions(context_length, d_model)
        if learned:
            self.position = nn.Parameter(table)
        else:
            self.register_buffer("position", table)

    def forward(self, ids):
        ids = ids[:, -len(self.position) :]
        return self.token(ids) + self.position[: ids.shape[1]]


@wrong("lab02.TokenAndPosition", says="did not raise a ValueError", earns=3.25)
class TokenAndPosition(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, learned=False):
        super().__init__()
        self.token = nn.Embedding(vocab_size, d_model)
        table = sinusoidal_positions(context_length, d_model)
        if learned:
            self.position = nn.Parameter(table)
        else:
            self.register_buffer("position", table)

    def forward(self, ids):
        places = torch.arange(ids.shape[1], device=ids.device) % len(self.position)
        return self.token(ids) + self.position[places]


@wrong("lab02.TokenAndPosition", says="forward raised RuntimeError")
class TokenAndPosition(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, learned=False):
        super().__init__()
        self.token = nn.Embedding(vocab_size, d_model)
        table = sinusoidal_positions(context_length, d_model)
        if learned:
            self.position = nn.Parameter(table)
        else:
            self.register_buffer("position", table)

    def forward(self, ids):
        if ids.shape[1] > len(self.position):
            raise ValueError("too long")
        return self.token(ids) + self.position


@wrong("lab02.TokenAndPosition", says="The place was counted along the batch")
class TokenAndPosition(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, learned=False):
        super().__init__()
        self.token = nn.Embedding(vocab_size, d_model)
        table = sinusoidal_positions(context_length, d_model)
        if learned:
            self.position = nn.Parameter(table)
        else:
            self.register_buffer("position", table)

    def forward(self, ids):
        if ids.shape[1] > len(self.position):
            raise ValueError("too long")
        return self.token(ids) + self.position[: ids.shape[0]].unsqueeze(1)


@wrong("lab02.TokenAndPosition", says="The last rows of the position table were used")
class TokenAndPosition(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, learned=False):
        super().__init__()
        self.token = nn.Embedding(vocab_size, d_model)
        table = sinusoidal_positions(context_length, d_model)
        if learned:
            self.position = nn.Parameter(table)
        else:
            self.register_buffer("position", table)

    def forward(self, ids):
        time = ids.shape[1]
        if time > len(self.position):
            raise ValueError("too long")
        return self.token(ids) + self.position[-time:]


@wrong("lab02.TokenAndPosition", says="The position table was indexed with the ids")
class TokenAndPosition(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, learned=False):
        super().__init__()
        self.token = nn.Embedding(vocab_size, d_model)
        table = sinusoidal_positions(context_length, d_model)
        if learned:
            self.position = nn.Parameter(table)
        else:
            self.register_buffer("position", table)

    def forward(self, ids):
        if ids.shape[1] > len(self.position):
            raise ValueError("too long")
        return self.token(ids) + self.position[ids]


@wrong("lab02.TokenAndPosition", says="Every token got the vector of the same, last place")
class TokenAndPosition(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, learned=False):
        super().__init__()
        self.token = nn.Embedding(vocab_size, d_model)
        table = sinusoidal_positions(context_length, d_model)
        if learned:
            self.position = nn.Parameter(table)
        else:
            self.register_buffer("position", table)

    def forward(self, ids):
        time = ids.shape[1]
        if time > len(self.position):
            raise ValueError("too long")
        return self.token(ids) + self.position[time]


@wrong("lab02.TokenAndPosition", says="multiplied by the square root of d_model, which the task")
class TokenAndPosition(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, learned=False):
        super().__init__()
        self.scale = d_model**0.5
        self.token = nn.Embedding(vocab_size, d_model)
        table = sinusoidal_positions(context_length, d_model)
        if learned:
            self.position = nn.Parameter(table)
        else:
            self.register_buffer("position", table)

    def forward(self, ids):
        time = ids.shape[1]
        if time > len(self.position):
            raise ValueError("too long")
        return self.token(ids) * self.scale + self.position[:time]


@wrong("lab02.TokenAndPosition", says="Tokens and positions stand side by side")
class TokenAndPosition(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, learned=False):
        super().__init__()
        self.token = nn.Embedding(vocab_size, d_model)
        table = sinusoidal_positions(context_length, d_model)
        if learned:
            self.position = nn.Parameter(table)
        else:
            self.register_buffer("position", table)

    def forward(self, ids):
        b, time = ids.shape
        if time > len(self.position):
            raise ValueError("too long")
        places = self.position[:time].expand(b, -1, -1)
        return torch.cat([self.token(ids), places], dim=-1)


@wrong("lab02.TokenAndPosition", says="The positions are missing", earns=1)
class TokenAndPosition(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, learned=False):
        super().__init__()
        self.token = nn.Embedding(vocab_size, d_model)
        table = sinusoidal_positions(context_length, d_model)
        if learned:
            self.position = nn.Parameter(table)
        else:
            self.register_buffer("position", table)

    def forward(self, ids):
        time = ids.shape[1]
        if time > len(self.position):
            raise ValueError("too long")
        x = self.token(ids)
        x + self.position[:time]
        return x


@wrong("lab02.TokenAndPosition", says="The output in train mode differs from eval mode")
class TokenAndPosition(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, learned=False):
        super().__init__()
        self.dropout = nn.Dropout(0.5)
        self.token = nn.Embedding(vocab_size, d_model)
        table = sinusoidal_positions(context_length, d_model)
        if learned:
            self.position = nn.Parameter(table)
        else:
            self.register_buffer("position", table)

    def forward(self, ids):
        time = ids.shape[1]
        if time > len(self.position):
            raise ValueError("too long")
        return self.dropout(self.token(ids) + self.position[:time])


@wrong("lab02.TokenAndPosition", says="No gradient reaches the position table", earns=3.25)
class TokenAndPosition(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, learned=False):
        super().__init__()
        self.token = nn.Embedding(vocab_size, d_model)
        table = sinusoidal_positions(context_length, d_model)
        if learned:
            self.position = nn.Parameter(table)
        else:
            self.register_buffer("position", table)

    def forward(self, ids):
        time = ids.shape[1]
        if time > len(self.position):
            raise ValueError("too long")
        return self.token(ids) + self.position[:time].detach()


@wrong("lab02.TokenAndPosition", says="The parameter position has shape (1, 6, 4), expected (6, 4)")
class TokenAndPosition(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, learned=False):
        super().__init__()
        self.token = nn.Embedding(vocab_size, d_model)
        table = sinusoidal_positions(context_length, d_model).unsqueeze(0)
        if learned:
            self.position = nn.Parameter(table)
        else:
            self.register_buffer("position", table)

    def forward(self, ids):
        time = ids.shape[1]
        if time > self.position.shape[1]:
            raise ValueError("too long")
        return self.token(ids) + self.position[:, :time]


@wrong(
    "lab02.TokenAndPosition", says="has no parameter named token.weight, of shape (7, 4)", earns=1
)
class TokenAndPosition(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, learned=False):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d_model)
        table = sinusoidal_positions(context_length, d_model)
        if learned:
            self.position = nn.Parameter(table)
        else:
            self.register_buffer("position", table)

    def forward(self, ids):
        time = ids.shape[1]
        if time > len(self.position):
            raise ValueError("too long")
        return self.embedding(ids) + self.position[:time]


@wrong("lab02.TokenAndPosition", says="it is what sinusoidal_positions returns", earns=3)
class TokenAndPosition(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, learned=False):
        super().__init__()
        self.token = nn.Embedding(vocab_size, d_model)
        if learned:
            self.position = nn.Parameter(torch.randn(context_length, d_model))
        else:
            self.register_buffer("position", torch.randn(context_length, d_model))

    def forward(self, ids):
        time = ids.shape[1]
        if time > len(self.position):
            raise ValueError("too long")
        return self.token(ids) + self.position[:time]


@wrong("lab02.TokenAndPosition", says="cannot assign module before Module.__init__() call", earns=0)
class TokenAndPosition(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, learned=False):
        self.token = nn.Embedding(vocab_size, d_model)
        if learned:
            self.position = nn.Parameter(torch.randn(context_length, d_model))
        else:
            self.register_buffer("position", sinusoidal_positions(context_length, d_model))

    def forward(self, ids):
        time = ids.shape[1]
        if time > len(self.position):
            raise ValueError("too long")
        return self.token(ids) + self.position[:time]


@wrong("lab02.TokenAndPosition", says="has dtype torch.float32: a part of the sum", earns=3.5)
class TokenAndPosition(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, learned=False):
        super().__init__()
        self.token = nn.Embedding(vocab_size, d_model)
        table = sinusoidal_positions(context_length, d_model)
        if learned:
            self.position = nn.Parameter(table)
        else:
            self.register_buffer("position", table)

    def forward(self, ids):
        time = ids.shape[1]
        if time > len(self.position):
            raise ValueError("too long")
        return self.token(ids) + self.position[:time].float()


@wrong("lab02.TokenAndPosition", says="The module trains 52 numbers, expected 28", earns=3)
class TokenAndPosition(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, learned=False):
        super().__init__()
        self.learned = learned
        self.token = nn.Embedding(vocab_size, d_model)
        self.learned_position = nn.Parameter(torch.zeros(context_length, d_model))
        if learned:
            self.position = self.learned_position
        else:
            self.register_buffer("position", sinusoidal_positions(context_length, d_model))

    def forward(self, ids):
        time = ids.shape[1]
        if time > len(self.position):
            raise ValueError("too long")
        return self.token(ids) + self.position[:time]
