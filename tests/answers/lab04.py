"""Answers to lab04_attention, right and wrong."""

from torch import nn

from tests.bank import right, wrong

# --- attention_scores


@right("lab04.attention_scores", way="einsum")
def attention_scores(q, k):
    return torch.einsum("...qd,...kd->...qk", q, k) * q.size(-1) ** -0.5


@right("lab04.attention_scores", way="q scaled first, as in many public models")
def attention_scores(q, k):
    d_k = q.size(-1)
    return torch.matmul(q / math.sqrt(d_k), k.transpose(-2, -1))


@right("lab04.attention_scores", way="a loop over queries")
def attention_scores(q, k):
    rows = []
    for t in range(q.shape[-2]):
        rows.append((k * q[..., t : t + 1, :]).sum(dim=-1))
    return torch.stack(rows, dim=-2) / q.shape[-1] ** 0.5


@right("lab04.attention_scores", way="both sides scaled by the fourth root")
def attention_scores(q, k):
    root = q.shape[-1] ** 0.25
    return (q / root) @ (k / root).mT


@right("lab04.attention_scores", way="torch.sqrt of a tensor, swapaxes")
def attention_scores(q, k):
    scores = torch.matmul(q, k.swapaxes(-1, -2))
    return scores / torch.sqrt(torch.tensor(k.shape[-1], dtype=scores.dtype))


@wrong("lab04.attention_scores", says="The scores are not scaled", earns=1.25)
def attention_scores(q, k):
    return q @ k.transpose(-2, -1)


@wrong("lab04.attention_scores", says="square root of the length of the time axis", earns=1.25)
def attention_scores(q, k):
    return q @ k.transpose(-2, -1) / math.sqrt(q.shape[-2])


@wrong("lab04.attention_scores", says="square root of the number of keys", earns=1.25)
def attention_scores(q, k):
    scores = q @ k.transpose(-2, -1)
    return scores / scores.shape[-1] ** 0.5


@wrong("lab04.attention_scores", says="divided by the head width itself", earns=1.25)
def attention_scores(q, k):
    return q @ k.transpose(-2, -1) / q.shape[-1]


@wrong("lab04.attention_scores", says="multiplied by the square root", earns=1.25)
def attention_scores(q, k):
    return q @ k.transpose(-2, -1) * math.sqrt(q.shape[-1])


@wrong("lab04.attention_scores", says="square root of heads × head width")
def attention_scores(q, k):
    d_model = q.shape[-1] * (q.shape[-3] if q.dim() > 2 else 1)
    return q @ k.transpose(-2, -1) / math.sqrt(d_model)


@wrong("lab04.attention_scores", says="square root of the number of heads")
def attention_scores(q, k):
    return q @ k.transpose(-2, -1) / math.sqrt(q.shape[-3] if q.dim() > 2 else 1)


@wrong("lab04.attention_scores", says="the root was taken twice", earns=1.25)
def attention_scores(q, k):
    return q @ k.transpose(-2, -1) / math.sqrt(math.sqrt(q.shape[-1]))


@wrong("lab04.attention_scores", says="Rows and columns have changed places")
def attention_scores(q, k):
    return k @ q.transpose(-2, -1) / math.sqrt(q.shape[-1])


@wrong("lab04.attention_scores", says="Each query met only the key at its own position")
def attention_scores(q, k):
    return q * k / math.sqrt(q.shape[-1])


@wrong("lab04.attention_scores", says="The products are summed along the time axis")
def attention_scores(q, k):
    return q.transpose(-2, -1) @ k / math.sqrt(q.shape[-1])


@wrong("lab04.attention_scores", says="raised RuntimeError")
def attention_scores(q, k):
    return q @ k / math.sqrt(q.shape[-1])


@wrong("lab04.attention_scores", says="raised RuntimeError")
def attention_scores(q, k):
    return q @ k.transpose(1, 2) / math.sqrt(q.shape[-1])


@wrong("lab04.attention_scores", says="Softmax was applied already")
def attention_scores(q, k):
    return torch.softmax(q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1]), dim=-1)


@wrong("lab04.attention_scores", says="bfloat16 inputs gave torch.float32", earns=1.75)
def attention_scores(q, k):
    return (q.float() @ k.float().transpose(-2, -1)) / math.sqrt(q.shape[-1])


@wrong("lab04.attention_scores", says="forget a return", earns=0)
def attention_scores(q, k):
    q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])


@wrong("lab04.attention_scores", says="the scale is not", earns=1.25)
def attention_scores(q, k):
    return q @ k.transpose(-2, -1) / math.sqrt(64)


# --- causal_mask


@right("lab04.causal_mask", way="tril of ones, as in minGPT")
def causal_mask(time, device=None):
    return torch.tril(torch.ones(time, time, device=device)) == 1


@right("lab04.causal_mask", way="the opposite of triu")
def causal_mask(time, device=None):
    return ~torch.ones(time, time, dtype=torch.bool, device=device).triu(diagonal=1)


@right("lab04.causal_mask", way="two loops")
def causal_mask(time, device=None):
    mask = torch.zeros(time, time, dtype=torch.bool)
    for t in range(time):
        for s in range(t + 1):
            mask[t, s] = True
    return mask.to(device)


@right("lab04.causal_mask", way="a list of lists")
def causal_mask(time, device=None):
    return torch.tensor([[s <= t for s in range(time)] for t in range(time)], device=device)


@wrong("lab04.causal_mask", says="The mask is transposed", earns=0)
def causal_mask(time, device=None):
    return torch.triu(torch.ones(time, time, device=device)).bool()


@wrong("lab04.causal_mask", says="The mask is transposed", earns=0)
def causal_mask(time, device=None):
    position = torch.arange(time, device=device)
    return position[None, :] >= position[:, None]


@wrong("lab04.causal_mask", says="True where a look is blocked", earns=0)
def causal_mask(time, device=None):
    return torch.triu(torch.ones(time, time, device=device), diagonal=1).bool()


@wrong("lab04.causal_mask", says="off by one: a position cannot look at itself", earns=0)
def causal_mask(time, device=None):
    position = torch.arange(time, device=device)
    return position[:, None] > position[None, :]


@wrong("lab04.causal_mask", says="one step into the future", earns=0)
def causal_mask(time, device=None):
    return torch.ones(time, time, dtype=torch.bool, device=device).tril(1)


@wrong("lab04.causal_mask", says="The mask blocks nothing", earns=0)
def causal_mask(time, device=None):
    return torch.ones(time, time, dtype=torch.bool, device=device)


@wrong("lab04.causal_mask", says="Each position can look only at itself", earns=0)
def causal_mask(time, device=None):
    return torch.eye(time, dtype=torch.bool, device=device)


@wrong("lab04.causal_mask", says="dtype torch.float32, expected torch.bool", earns=0.75)
def causal_mask(time, device=None):
    return torch.tril(torch.ones(time, time, device=device))


@wrong("lab04.causal_mask", says="This is an additive mask", earns=0.75)
def causal_mask(time, device=None):
    return torch.full((time, time), float("-inf"), device=device).triu(diagonal=1)


@wrong("lab04.causal_mask", says="made on cpu though device is meta", earns=0.75)
def causal_mask(time, device=None):
    return torch.ones(time, time, dtype=torch.bool).tril()


@wrong("lab04.causal_mask", says="has shape (1, 1, 4, 4), expected (4, 4)", earns=0)
def causal_mask(time, device=None):
    return torch.tril(torch.ones(time, time, device=device)).bool().view(1, 1, time, time)


@wrong("lab04.causal_mask", says="is a numpy.ndarray", earns=0)
def causal_mask(time, device=None):
    import numpy as np

    return np.tril(np.ones((time, time), dtype=bool))


# --- apply_mask


@right("lab04.apply_mask", way="torch.where")
def apply_mask(scores, mask):
    return torch.where(mask, scores, -torch.inf)


@right("lab04.apply_mask", way="an additive mask")
def apply_mask(scores, mask):
    bias = torch.zeros_like(mask, dtype=scores.dtype).masked_fill(mask.logical_not(), -math.inf)
    return scores + bias


@right("lab04.apply_mask", way="masked_fill where mask equals 0, as in nanoGPT")
def apply_mask(scores, mask):
    return scores.masked_fill(mask == 0, float("-inf"))


@right("lab04.apply_mask", way="entries of a copy")
def apply_mask(scores, mask):
    scores = scores.clone()
    scores[~mask.expand_as(scores)] = float("-inf")
    return scores


@right("lab04.apply_mask", way="plus the logarithm of the mask")
def apply_mask(scores, mask):
    return scores + mask.to(scores.dtype).log()


@wrong("lab04.apply_mask", says="the wrong way round", earns=0)
def apply_mask(scores, mask):
    return scores.masked_fill(mask, float("-inf"))


@wrong("lab04.apply_mask", says="Blocked scores became 0", earns=0)
def apply_mask(scores, mask):
    return scores * mask


@wrong("lab04.apply_mask", says="The mask was added as 0 and 1", earns=0)
def apply_mask(scores, mask):
    return scores + mask


@wrong("lab04.apply_mask", says="0 × -inf is NaN", earns=0)
def apply_mask(scores, mask):
    return scores * mask + (1 - mask.float()) * float("-inf")


@wrong("lab04.apply_mask", says="The mask is transposed", earns=0)
def apply_mask(scores, mask):
    return scores.masked_fill(~mask.transpose(-2, -1), float("-inf"))


@wrong("lab04.apply_mask", says="a large negative number", earns=0)
def apply_mask(scores, mask):
    return scores.masked_fill(~mask, -1e9)


@wrong("lab04.apply_mask", says="a large negative number", earns=0)
def apply_mask(scores, mask):
    return torch.where(mask, scores, torch.finfo(scores.dtype).min)


@wrong("lab04.apply_mask", says="Blocked scores became +inf", earns=0)
def apply_mask(scores, mask):
    return scores.masked_fill(~mask, float("inf"))


@wrong("lab04.apply_mask", says="The scores that were passed in have changed", earns=1.75)
def apply_mask(scores, mask):
    return scores.masked_fill_(~mask, float("-inf"))


@wrong("lab04.apply_mask", says="The scores came back as they were", earns=0)
def apply_mask(scores, mask):
    scores.masked_fill(~mask, float("-inf"))
    return scores


@wrong("lab04.apply_mask", says="forget a return", earns=0)
def apply_mask(scores, mask):
    scores.masked_fill_(~mask, float("-inf"))


@wrong("lab04.apply_mask", says="has shape", earns=0)
def apply_mask(scores, mask):
    return scores[..., mask.expand_as(scores)] if scores.dim() == 2 else scores[..., 0]


@wrong("lab04.apply_mask", says="The result has no gradient", earns=1.75)
def apply_mask(scores, mask):
    result = scores.detach().clone()
    result[~mask.expand_as(result)] = float("-inf")
    return result


@wrong("lab04.apply_mask", says="raised", earns=1.5)
def apply_mask(scores, mask):
    scores = scores.clone()
    time_q, time_k = scores.shape[-2:]
    scores[..., ~mask.view(time_q, time_k)] = float("-inf")
    return scores


# --- softmax


@right("lab04.softmax", way="largest score detached, clamped sum")
def softmax(x, dim):
    m = x.detach().max(dim=dim, keepdim=True).values
    m = torch.where(m == float("-inf"), torch.zeros_like(m), m)
    e = (x - m).exp()
    return e / e.sum(dim, keepdim=True).clamp(min=1e-12)


@right("lab04.softmax", way="logsumexp")
def softmax(x, dim):
    nothing = (x == -torch.inf).all(dim, keepdim=True)
    safe = x.masked_fill(nothing, 0)
    return torch.exp(safe - torch.logsumexp(safe, dim, keepdim=True)).masked_fill(nothing, 0)


@right("lab04.softmax", way="a small number in the sum, largest score clamped")
def softmax(x, dim):
    m = torch.amax(x, dim, keepdim=True).clamp(min=torch.finfo(x.dtype).min)
    e = torch.exp(x - m)
    return e / (e.sum(dim, keepdim=True) + 1e-30)


@right("lab04.softmax", way="row by row")
def softmax(x, dim):
    rows = []
    moved = x.movedim(dim, -1)
    for row in moved.reshape(-1, moved.shape[-1]):
        if torch.isinf(row).all():
            rows.append(torch.zeros_like(row))
        else:
            e = torch.exp(row - row.max())
            rows.append(e / e.sum())
    return torch.stack(rows).reshape(moved.shape).movedim(-1, dim)


@wrong("lab04.softmax", says="softmax of PyTorch is the oracle here", earns=0)
def softmax(x, dim):
    return torch.softmax(x, dim=dim)


@wrong("lab04.softmax", says="softmax of PyTorch is the oracle here", earns=0)
def softmax(x, dim):
    return nn.Softmax(dim=dim)(x).nan_to_num(0)


@wrong("lab04.softmax", says="log_softmax of PyTorch is the oracle here", earns=0)
def softmax(x, dim):
    return x.log_softmax(dim).exp()


@wrong("lab04.softmax", says="A row of nothing but -inf gives NaN", earns=2.25)
def softmax(x, dim):
    e = torch.exp(x - x.max(dim=dim, keepdim=True).values)
    return e / e.sum(dim=dim, keepdim=True)


@wrong("lab04.softmax", says="their gradient is NaN", earns=2.25)
def softmax(x, dim):
    e = torch.exp(x - x.amax(dim, keepdim=True))
    return torch.nan_to_num(e / e.sum(dim, keepdim=True), nan=0.0)


@wrong("lab04.softmax", says="their gradient is NaN", earns=2.25)
def softmax(x, dim):
    e = torch.exp(x - x.amax(dim, keepdim=True))
    weights = e / e.sum(dim, keepdim=True)
    return torch.where(weights.isnan(), torch.zeros_like(weights), weights)


@wrong("lab04.softmax", says="got equal weights", earns=2.25)
def softmax(x, dim):
    x = x.clamp(min=-1e9)
    e = torch.exp(x - x.amax(dim, keepdim=True))
    return e / e.sum(dim, keepdim=True)


@wrong("lab04.softmax", says="Large scores gave NaN", earns=1.75)
def softmax(x, dim):
    e = torch.exp(x)
    return e / e.sum(dim, keepdim=True)


@wrong("lab04.softmax", says="The largest score of the whole tensor was subtracted")
def softmax(x, dim):
    e = torch.exp(x - x.max())
    return e / e.sum(dim, keepdim=True)


@wrong("lab04.softmax", says="along the last axis whatever dim says")
def softmax(x, dim):
    largest = x.amax(-1, keepdim=True)
    largest = largest.masked_fill(largest == -torch.inf, 0)
    e = torch.exp(x - largest)
    total = e.sum(-1, keepdim=True)
    return e / total.masked_fill(total == 0, 1)


@wrong("lab04.softmax", says="The largest score along the last axis was subtracted")
def softmax(x, dim):
    e = torch.exp(x - x.max(-1, keepdim=True).values)
    return e / e.sum(dim, keepdim=True)


@wrong("lab04.softmax", says="The sum runs along the last axis")
def softmax(x, dim):
    e = torch.exp(x - x.amax(dim, keepdim=True))
    return e / e.sum(-1, keepdim=True)


@wrong("lab04.softmax", says="All weights together sum to one", earns=0)
def softmax(x, dim):
    e = torch.exp(x - x.max())
    return e / e.sum()


@wrong("lab04.softmax", says="raised RuntimeError")
def softmax(x, dim):
    e = torch.exp(x - x.amax(dim, keepdim=True))
    return e / e.sum(dim)


@wrong("lab04.softmax", says="The weights do not sum to one", earns=0)
def softmax(x, dim):
    return torch.exp(x - x.amax(dim, keepdim=True))


@wrong("lab04.softmax", says="divided by their sum without exp", earns=0)
def softmax(x, dim):
    return x / x.sum(dim, keepdim=True)


@wrong("lab04.softmax", says="Small scores got large weights", earns=0)
def softmax(x, dim):
    e = torch.exp(-(x - x.amin(dim, keepdim=True)))
    return e / e.sum(dim, keepdim=True)


@wrong("lab04.softmax", says="The result has no gradient", earns=0)
def softmax(x, dim):
    import numpy as np

    a = x.detach().numpy()
    m = a.max(axis=dim, keepdims=True)
    m[np.isinf(m)] = 0
    e = np.exp(a - m)
    return torch.from_numpy(e / np.maximum(e.sum(axis=dim, keepdims=True), 1e-9))


@wrong("lab04.softmax", says="is a part of it detached", earns=0)
def softmax(x, dim):
    m = x.amax(dim, keepdim=True).clamp(min=-1e30)
    e = torch.exp(x - m)
    return e / e.sum(dim, keepdim=True).clamp(min=1e-9).detach()


# --- causal_attention


@right("lab04.causal_attention", way="as in nanoGPT, with torch.softmax")
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    T = q.size(-2)
    bias = torch.tril(torch.ones(T, T, device=q.device)).view(1, 1, T, T)
    att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
    att = att.masked_fill(bias == 0, float("-inf"))
    att = torch.softmax(att, dim=-1)
    att = F.dropout(att, p=dropout_p, training=training)
    return att @ v


@right("lab04.causal_attention", way="one position after the other")
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    outputs = []
    for t in range(q.shape[2]):
        scores = attention_scores(q[:, :, t : t + 1], k[:, :, : t + 1])
        weights = F.dropout(softmax(scores, -1), dropout_p, training)
        outputs.append(weights @ v[:, :, : t + 1])
    return torch.cat(outputs, dim=2)


@right("lab04.causal_attention", way="einsum, dropout by hand")
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    scores = torch.einsum("bhqd,bhkd->bhqk", q, k) / q.shape[-1] ** 0.5
    weights = softmax(apply_mask(scores, causal_mask(q.shape[2], q.device)), -1)
    if training and dropout_p > 0:
        keep = torch.rand_like(weights) >= dropout_p
        weights = weights * keep / (1 - dropout_p)
    return torch.einsum("bhqk,bhkd->bhqd", weights, v)


@right("lab04.causal_attention", way="head by head, nn.Dropout, an additive mask")
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    drop = nn.Dropout(dropout_p).train(training)
    time = q.shape[-2]
    bias = torch.full((time, time), -torch.inf, device=q.device, dtype=q.dtype).triu(1)
    heads = []
    for h in range(q.shape[1]):
        scores = q[:, h] @ k[:, h].mT / math.sqrt(q.shape[-1]) + bias
        heads.append(drop(softmax(scores, -1)) @ v[:, h])
    return torch.stack(heads, dim=1)


@wrong(
    "lab04.causal_attention",
    says="scaled_dot_product_attention of PyTorch is the oracle here and not the answer",
    earns=0,
)
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    p = dropout_p if training else 0.0
    return F.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=p)


@wrong("lab04.causal_attention", says="is the oracle here and not the answer", earns=0)
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    from torch.nn.attention.flex_attention import flex_attention

    def past(score, b, h, t, s):
        return torch.where(t >= s, score, -float("inf"))

    return flex_attention(q, k, v, score_mod=past)


@wrong("lab04.causal_attention", says="is the oracle here and not the answer", earns=0)
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    return torch.ops.aten.scaled_dot_product_attention(q, k, v, None, 0.0, True)


@wrong("lab04.causal_attention", says="The scores are not scaled", earns=3.5)
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    scores = apply_mask(q @ k.transpose(-2, -1), causal_mask(q.shape[-2], q.device))
    return F.dropout(softmax(scores, -1), dropout_p, training) @ v


@wrong("lab04.causal_attention", says="square root of the length of the time axis", earns=3.5)
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-2])
    scores = apply_mask(scores, causal_mask(q.shape[-2], q.device))
    return F.dropout(softmax(scores, -1), dropout_p, training) @ v


@wrong("lab04.causal_attention", says="twice by its root", earns=3.5)
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    scores = attention_scores(q, k) / math.sqrt(q.shape[-1])
    scores = apply_mask(scores, causal_mask(q.shape[-2], q.device))
    return F.dropout(softmax(scores, -1), dropout_p, training) @ v


@wrong("lab04.causal_attention", says="the width of all heads together", earns=3.5)
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    d_model = q.shape[1] * q.shape[3]
    scores = q @ k.transpose(-2, -1) / math.sqrt(d_model)
    scores = apply_mask(scores, causal_mask(q.shape[-2], q.device))
    return F.dropout(softmax(scores, -1), dropout_p, training) @ v


@wrong("lab04.causal_attention", says="The future is not blocked", earns=3)
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    weights = softmax(attention_scores(q, k), dim=-1)
    return F.dropout(weights, dropout_p, training) @ v


@wrong("lab04.causal_attention", says="The mask is transposed", earns=3)
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    mask = torch.triu(torch.ones(q.shape[-2], q.shape[-2], device=q.device)).bool()
    weights = softmax(apply_mask(attention_scores(q, k), mask), dim=-1)
    return F.dropout(weights, dropout_p, training) @ v


@wrong("lab04.causal_attention", says="off by one: each position also looks one step", earns=3)
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    T = q.shape[-2]
    future = torch.triu(torch.ones(T, T, dtype=torch.bool, device=q.device), diagonal=2)
    scores = attention_scores(q, k).masked_fill(future, float("-inf"))
    return F.dropout(softmax(scores, -1), dropout_p, training) @ v


@wrong("lab04.causal_attention", says="off by one: a position cannot look at itself", earns=3)
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    T = q.shape[-2]
    future = torch.triu(torch.ones(T, T, dtype=torch.bool, device=q.device))
    scores = attention_scores(q, k).masked_fill(future, float("-inf"))
    return F.dropout(softmax(scores, -1), dropout_p, training) @ v


@wrong("lab04.causal_attention", says="becomes NaN")
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    T = q.shape[-2]
    past = torch.tril(torch.ones(T, T, device=q.device), diagonal=-1)
    scores = attention_scores(q, k).masked_fill(past == 0, float("-inf"))
    return F.dropout(torch.softmax(scores, -1), dropout_p, training) @ v


@wrong("lab04.causal_attention", says="the past is blocked and the future is not")
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    mask = causal_mask(q.shape[-2], q.device)
    scores = attention_scores(q, k).masked_fill(mask, float("-inf"))
    return F.dropout(softmax(scores, -1), dropout_p, training) @ v


@wrong("lab04.causal_attention", says="where nothing is left to look at, NaN arises")
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    mask = causal_mask(q.shape[-2], q.device)
    scores = attention_scores(q, k).masked_fill(mask, float("-inf"))
    return F.dropout(torch.softmax(scores, -1), dropout_p, training) @ v


@wrong("lab04.causal_attention", says="The mask was applied after softmax", earns=3)
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    weights = softmax(attention_scores(q, k), -1) * causal_mask(q.shape[-2], q.device)
    return F.dropout(weights, dropout_p, training) @ v


@wrong("lab04.causal_attention", says="-inf was put in after softmax")
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    weights = softmax(attention_scores(q, k), -1)
    weights = apply_mask(weights, causal_mask(q.shape[-2], q.device))
    return F.dropout(weights, dropout_p, training) @ v


@wrong("lab04.causal_attention", says=("The future leaks", "keys at later positions"))
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    weights = softmax(attention_scores(q, k), -1) * causal_mask(q.shape[-2], q.device)
    weights = weights / weights.sum(-1, keepdim=True)
    return F.dropout(weights, dropout_p, training) @ v


@wrong("lab04.causal_attention", says="Blocked scores became 0 before softmax", earns=3)
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    scores = attention_scores(q, k) * causal_mask(q.shape[-2], q.device)
    return F.dropout(softmax(scores, -1), dropout_p, training) @ v


@wrong("lab04.causal_attention", says="Softmax runs over the queries", earns=0)
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    scores = apply_mask(attention_scores(q, k), causal_mask(q.shape[-2], q.device))
    return F.dropout(softmax(scores, dim=-2), dropout_p, training) @ v


@wrong("lab04.causal_attention", says="Softmax runs over the heads", earns=0)
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    scores = apply_mask(attention_scores(q, k), causal_mask(q.shape[-2], q.device))
    return F.dropout(softmax(scores, dim=1), dropout_p, training) @ v


@wrong("lab04.causal_attention", says="The keys were mixed and not the values", earns=0)
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    scores = apply_mask(attention_scores(q, k), causal_mask(q.shape[-2], q.device))
    return F.dropout(softmax(scores, dim=-1), dropout_p, training) @ k


@wrong("lab04.causal_attention", says="These are the attention weights", earns=0)
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    scores = apply_mask(attention_scores(q, k), causal_mask(q.shape[-2], q.device))
    return F.dropout(softmax(scores, dim=-1), dropout_p, training)


@wrong("lab04.causal_attention", says="The weights are transposed", earns=0)
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    scores = apply_mask(attention_scores(q, k), causal_mask(q.shape[-2], q.device))
    return softmax(scores, dim=-1).transpose(-2, -1) @ v


@wrong("lab04.causal_attention", says="used as weights without softmax", earns=0)
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    scores = attention_scores(q, k) * causal_mask(q.shape[-2], q.device)
    return F.dropout(scores, dropout_p, training) @ v


@wrong("lab04.causal_attention", says="Dropout is active though training is False", earns=3)
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    scores = apply_mask(attention_scores(q, k), causal_mask(q.shape[-2], q.device))
    return F.dropout(softmax(scores, dim=-1), dropout_p) @ v


@wrong("lab04.causal_attention", says="Nothing is dropped though training is True", earns=3)
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    scores = apply_mask(attention_scores(q, k), causal_mask(q.shape[-2], q.device))
    return softmax(scores, dim=-1) @ v


@wrong("lab04.causal_attention", says="Dropout was applied to the result", earns=3)
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    scores = apply_mask(attention_scores(q, k), causal_mask(q.shape[-2], q.device))
    return F.dropout(softmax(scores, dim=-1) @ v, dropout_p, training)


@wrong("lab04.causal_attention", says="Dropout was applied before softmax", earns=3)
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    scores = F.dropout(attention_scores(q, k), dropout_p, training)
    scores = apply_mask(scores, causal_mask(q.shape[-2], q.device))
    return softmax(scores, dim=-1) @ v


@wrong("lab04.causal_attention", says="were not scaled up", earns=3)
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    scores = apply_mask(attention_scores(q, k), causal_mask(q.shape[-2], q.device))
    weights = softmax(scores, dim=-1)
    if training:
        weights = weights * (torch.rand_like(weights) >= dropout_p)
    return weights @ v


@wrong("lab04.causal_attention", says="here it was that to keep one", earns=3)
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    scores = apply_mask(attention_scores(q, k), causal_mask(q.shape[-2], q.device))
    weights = softmax(scores, dim=-1)
    if training:
        weights = weights * (torch.rand_like(weights) < dropout_p) / dropout_p
    return weights @ v


@wrong("lab04.causal_attention", says="draw for each weight anew", earns=3)
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    scores = apply_mask(attention_scores(q, k), causal_mask(q.shape[-2], q.device))
    weights = softmax(scores, dim=-1)
    if training:
        keep = torch.rand(weights.shape[-2:], device=weights.device) >= dropout_p
        weights = weights * keep / (1 - dropout_p)
    return weights @ v


@wrong("lab04.causal_attention", says="bfloat16 inputs gave torch.float32", earns=3.75)
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    q, k, v = q.float(), k.float(), v.float()
    scores = apply_mask(attention_scores(q, k), causal_mask(q.shape[-2], q.device))
    return F.dropout(softmax(scores, dim=-1), dropout_p, training) @ v


@wrong("lab04.causal_attention", says="raised RuntimeError", earns=3.75)
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    T = q.shape[-2]
    bias = torch.full((T, T), float("-inf"), device=q.device).triu(diagonal=1)
    weights = softmax(attention_scores(q, k) + bias, dim=-1)
    return F.dropout(weights, dropout_p, training) @ v


@wrong("lab04.causal_attention", says="The gradient does not reach v", earns=0)
def causal_attention(q, k, v, dropout_p=0.0, training=False):
    with torch.no_grad():
        scores = apply_mask(attention_scores(q, k), causal_mask(q.shape[-2], q.device))
        return F.dropout(softmax(scores, dim=-1), dropout_p, training) @ v


# --- split_heads


@right("lab04.split_heads", way="view and permute")
def split_heads(x, n_heads):
    if x.size(-1) % n_heads != 0:
        raise ValueError("n_heads does not divide d_model")
    B, T, C = x.size()
    return x.view(B, T, n_heads, C // n_heads).permute(0, 2, 1, 3).contiguous()


@right("lab04.split_heads", way="slices of the width, stacked")
def split_heads(x, n_heads):
    width, rest = divmod(x.shape[-1], n_heads)
    if rest:
        raise ValueError("heads do not fit")
    return torch.stack([x[..., h * width : (h + 1) * width] for h in range(n_heads)], dim=1)


@right("lab04.split_heads", way="unflatten and movedim")
def split_heads(x, n_heads):
    if x.shape[2] % n_heads:
        raise ValueError(n_heads)
    return x.unflatten(2, (n_heads, -1)).movedim(2, 1)


@wrong("lab04.split_heads", says="each head holds pieces of other positions")
def split_heads(x, n_heads):
    batch, time, d_model = x.shape
    if d_model % n_heads:
        raise ValueError("heads do not fit")
    return x.view(batch, n_heads, time, d_model // n_heads)


@wrong("lab04.split_heads", says="The heads come after the time")
def split_heads(x, n_heads):
    batch, time, d_model = x.shape
    if d_model % n_heads:
        raise ValueError("heads do not fit")
    return x.reshape(batch, time, n_heads, d_model // n_heads)


@wrong("lab04.split_heads", says="The heads are interleaved")
def split_heads(x, n_heads):
    batch, time, d_model = x.shape
    if d_model % n_heads:
        raise ValueError("heads do not fit")
    return x.reshape(batch, time, d_model // n_heads, n_heads).permute(0, 3, 1, 2)


@wrong("lab04.split_heads", says="The head width comes before the time")
def split_heads(x, n_heads):
    batch, time, d_model = x.shape
    if d_model % n_heads:
        raise ValueError("heads do not fit")
    return x.reshape(batch, time, n_heads, d_model // n_heads).permute(0, 2, 3, 1)


@wrong("lab04.split_heads", says="The heads come before the batch")
def split_heads(x, n_heads):
    if x.shape[-1] % n_heads:
        raise ValueError("heads do not fit")
    return torch.stack(x.chunk(n_heads, dim=-1))


@wrong("lab04.split_heads", says="n_heads was taken for the width of a head")
def split_heads(x, n_heads):
    batch, time, d_model = x.shape
    if d_model % n_heads:
        raise ValueError("heads do not fit")
    return x.reshape(batch, time, -1, n_heads).transpose(1, 2)


@wrong("lab04.split_heads", says="Time and width were transposed before the cut")
def split_heads(x, n_heads):
    batch, time, d_model = x.shape
    if d_model % n_heads:
        raise ValueError("heads do not fit")
    return x.transpose(1, 2).reshape(batch, n_heads, time, d_model // n_heads)


@wrong("lab04.split_heads", says="raised RuntimeError, expected a ValueError", earns=1.25)
def split_heads(x, n_heads):
    batch, time, d_model = x.shape
    return x.view(batch, time, n_heads, d_model // n_heads).transpose(1, 2)


@wrong("lab04.split_heads", says="did not raise a ValueError", earns=1.25)
def split_heads(x, n_heads):
    head_dim = x.shape[-1] // n_heads
    return torch.stack([x[..., h * head_dim : (h + 1) * head_dim] for h in range(n_heads)], 1)


@wrong("lab04.split_heads", says="raised AssertionError, expected a ValueError", earns=1.25)
def split_heads(x, n_heads):
    batch, time, d_model = x.shape
    assert d_model % n_heads == 0
    return x.view(batch, time, n_heads, d_model // n_heads).transpose(1, 2)


# --- merge_heads


@right("lab04.merge_heads", way="contiguous and view, as in nanoGPT")
def merge_heads(x):
    B, nh, T, hs = x.size()
    return x.transpose(1, 2).contiguous().view(B, T, nh * hs)


@right("lab04.merge_heads", way="heads concatenated")
def merge_heads(x):
    return torch.cat(x.unbind(dim=1), dim=-1)


@right("lab04.merge_heads", way="permute and flatten")
def merge_heads(x):
    return x.permute(0, 2, 1, 3).flatten(start_dim=2)


@wrong("lab04.merge_heads", says="come from other positions", earns=0)
def merge_heads(x):
    batch, n_heads, time, head_dim = x.shape
    return x.reshape(batch, time, n_heads * head_dim)


@wrong("lab04.merge_heads", says="view size is not compatible", earns=0)
def merge_heads(x):
    batch, n_heads, time, head_dim = x.shape
    return x.transpose(1, 2).view(batch, time, n_heads * head_dim)


@wrong("lab04.merge_heads", says="The heads are interleaved", earns=0)
def merge_heads(x):
    batch, n_heads, time, head_dim = x.shape
    return x.permute(0, 2, 3, 1).reshape(batch, time, n_heads * head_dim)


@wrong("lab04.merge_heads", says="still an axis of their own", earns=0)
def merge_heads(x):
    return x.transpose(1, 2)


@wrong("lab04.merge_heads", says="The heads were summed", earns=0)
def merge_heads(x):
    return x.sum(dim=1)


@wrong("lab04.merge_heads", says="The heads were averaged", earns=0)
def merge_heads(x):
    return x.mean(dim=1)


@wrong("lab04.merge_heads", says="joined along the time axis", earns=0)
def merge_heads(x):
    return torch.cat(list(x.unbind(1)), dim=1)


@wrong("lab04.merge_heads", says="Time and head width have changed places", earns=0)
def merge_heads(x):
    batch, n_heads, time, head_dim = x.shape
    return x.transpose(2, 3).reshape(batch, time, n_heads * head_dim)


@wrong("lab04.merge_heads", says="forget a return", earns=0)
def merge_heads(x):
    x.transpose(1, 2).flatten(2)


# --- MultiHeadAttention


@right("lab04.MultiHeadAttention", way="einsum over all heads, torch.where for empty rows")
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads != 0:
            raise ValueError("d_model must be a multiple of n_heads")
        self.h, self.d = n_heads, d_model // n_heads
        self.query = nn.Linear(d_model, d_model)
        self.key = nn.Linear(d_model, d_model)
        self.value = nn.Linear(d_model, d_model)
        self.output = nn.Linear(d_model, d_model)
        self.drop = nn.Dropout(dropout)

    def forward(self, x, mask=None, memory=None):
        m = x if memory is None else memory
        q = self.query(x).unflatten(-1, (self.h, self.d))
        k = self.key(m).unflatten(-1, (self.h, self.d))
        v = self.value(m).unflatten(-1, (self.h, self.d))
        scores = torch.einsum("bqhd,bkhd->bhqk", q, k) / self.d**0.5
        if mask is None:
            weights = scores.softmax(-1)
        else:
            empty = ~mask.any(-1, keepdim=True)
            scores = torch.where(mask | empty, scores, -torch.inf)
            weights = scores.softmax(-1) * ~empty
        y = torch.einsum("bhqk,bkhd->bqhd", self.drop(weights), v)
        return self.output(y.flatten(2))


@right("lab04.MultiHeadAttention", way="a loop over heads")
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.p = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        q, k, v = self.query(x), self.key(memory), self.value(memory)
        if mask is not None:
            mask = mask.expand(x.shape[0], self.n_heads, x.shape[1], memory.shape[1])
        found = []
        for h, (qh, kh, vh) in enumerate(
            zip(q.chunk(self.n_heads, -1), k.chunk(self.n_heads, -1), v.chunk(self.n_heads, -1))
        ):
            scores = attention_scores(qh, kh)
            if mask is not None:
                scores = apply_mask(scores, mask[:, h])
            found.append(F.dropout(softmax(scores, -1), self.p, self.training) @ vh)
        return self.output(torch.cat(found, dim=-1))


@right("lab04.MultiHeadAttention", way="an additive mask of -inf, baddbmm on heads in the batch")
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.n_heads = n_heads
        for name in ("query", "key", "value", "output"):
            setattr(self, name, nn.Linear(d_model, d_model))
        self.attn_dropout = nn.Dropout(dropout)

    def forward(self, x, mask=None, memory=None):
        memory = memory if memory is not None else x
        B, T, C = x.shape
        S, H = memory.shape[1], self.n_heads
        q = split_heads(self.query(x), H).reshape(B * H, T, -1)
        k = split_heads(self.key(memory), H).reshape(B * H, S, -1)
        v = split_heads(self.value(memory), H).reshape(B * H, S, -1)
        bias = torch.zeros(B, H, T, S, dtype=x.dtype, device=x.device)
        if mask is not None:
            bias = bias.masked_fill(~mask, float("-inf"))
        scores = torch.baddbmm(bias.view(B * H, T, S), q, k.mT, alpha=1 / math.sqrt(C // H))
        y = torch.bmm(self.attn_dropout(softmax(scores, -1)), v)
        return self.output(merge_heads(y.view(B, H, T, -1)))


@wrong("lab04.MultiHeadAttention", says="multi_head_attention_forward of PyTorch is the oracle")
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.inner = nn.MultiheadAttention(d_model, n_heads, dropout, batch_first=True)

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        return self.inner(x, memory, memory)[0]


@wrong("lab04.MultiHeadAttention", says="scaled_dot_product_attention of PyTorch is the oracle")
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        from course.attention import MultiHeadAttention as Fused

        fused = Fused(d_model, n_heads, dropout)
        self.query, self.key = fused.query, fused.key
        self.value, self.output = fused.value, fused.output
        self.parts = [fused]

    def forward(self, x, mask=None, memory=None):
        return self.parts[0](x, mask, memory)


@wrong("lab04.MultiHeadAttention", says="The scores are not scaled", earns=0)
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        q, k, v = (
            split_heads(y, self.n_heads)
            for y in (self.query(x), self.key(memory), self.value(memory))
        )
        scores = q @ k.transpose(-2, -1)
        if mask is not None:
            scores = apply_mask(scores, mask)
        weights = F.dropout(softmax(scores, -1), self.dropout, self.training)
        return self.output(merge_heads(weights @ v))


@wrong("lab04.MultiHeadAttention", says="square root of the length of the time axis", earns=0)
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        q = split_heads(self.query(x), self.n_heads)
        k = split_heads(self.key(memory), self.n_heads)
        v = split_heads(self.value(memory), self.n_heads)
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-2])
        if mask is not None:
            scores = apply_mask(scores, mask)
        weights = F.dropout(softmax(scores, -1), self.dropout, self.training)
        return self.output(merge_heads(weights @ v))


@wrong("lab04.MultiHeadAttention", says="the width of all heads together", earns=0)
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        q = split_heads(self.query(x), self.n_heads)
        k = split_heads(self.key(memory), self.n_heads)
        v = split_heads(self.value(memory), self.n_heads)
        scores = q @ k.transpose(-2, -1) / math.sqrt(x.shape[-1])
        if mask is not None:
            scores = apply_mask(scores, mask)
        weights = F.dropout(softmax(scores, -1), self.dropout, self.training)
        return self.output(merge_heads(weights @ v))


@wrong("lab04.MultiHeadAttention", says="Softmax runs over the queries", earns=0)
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        q = split_heads(self.query(x), self.n_heads)
        k = split_heads(self.key(memory), self.n_heads)
        v = split_heads(self.value(memory), self.n_heads)
        scores = attention_scores(q, k)
        if mask is not None:
            scores = apply_mask(scores, mask)
        weights = F.dropout(softmax(scores, -2), self.dropout, self.training)
        return self.output(merge_heads(weights @ v))


@wrong("lab04.MultiHeadAttention", says="Softmax runs over the heads", earns=0)
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        q = split_heads(self.query(x), self.n_heads)
        k = split_heads(self.key(memory), self.n_heads)
        v = split_heads(self.value(memory), self.n_heads)
        scores = attention_scores(q, k)
        if mask is not None:
            scores = apply_mask(scores, mask)
        weights = F.dropout(softmax(scores, 1), self.dropout, self.training)
        return self.output(merge_heads(weights @ v))


@wrong("lab04.MultiHeadAttention", says="The heads were cut by reshape alone", earns=0)
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        B, C, H = x.shape[0], x.shape[-1], self.n_heads
        q = self.query(x).view(B, H, -1, C // H)
        k = self.key(memory).view(B, H, -1, C // H)
        v = self.value(memory).view(B, H, -1, C // H)
        scores = attention_scores(q, k)
        if mask is not None:
            scores = apply_mask(scores, mask)
        weights = F.dropout(softmax(scores, -1), self.dropout, self.training)
        return self.output(merge_heads(weights @ v))


@wrong("lab04.MultiHeadAttention", says="Heads are cut and joined by reshape alone", earns=0)
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        B, C, H = x.shape[0], x.shape[-1], self.n_heads
        q = self.query(x).view(B, H, -1, C // H)
        k = self.key(memory).view(B, H, -1, C // H)
        v = self.value(memory).view(B, H, -1, C // H)
        scores = attention_scores(q, k)
        if mask is not None:
            scores = apply_mask(scores, mask)
        weights = F.dropout(softmax(scores, -1), self.dropout, self.training)
        return self.output((weights @ v).reshape(x.shape))


@wrong("lab04.MultiHeadAttention", says="The heads were joined by reshape alone", earns=0)
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        q = split_heads(self.query(x), self.n_heads)
        k = split_heads(self.key(memory), self.n_heads)
        v = split_heads(self.value(memory), self.n_heads)
        scores = attention_scores(q, k)
        if mask is not None:
            scores = apply_mask(scores, mask)
        weights = F.dropout(softmax(scores, -1), self.dropout, self.training)
        return self.output((weights @ v).reshape(x.shape))


@wrong("lab04.MultiHeadAttention", says="There is only one head", earns=0)
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = 1, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        q = split_heads(self.query(x), self.n_heads)
        k = split_heads(self.key(memory), self.n_heads)
        v = split_heads(self.value(memory), self.n_heads)
        scores = attention_scores(q, k)
        if mask is not None:
            scores = apply_mask(scores, mask)
        weights = F.dropout(softmax(scores, -1), self.dropout, self.training)
        return self.output(merge_heads(weights @ v))


@wrong("lab04.MultiHeadAttention", says="The output layer is missing", earns=0)
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        q = split_heads(self.query(x), self.n_heads)
        k = split_heads(self.key(memory), self.n_heads)
        v = split_heads(self.value(memory), self.n_heads)
        scores = attention_scores(q, k)
        if mask is not None:
            scores = apply_mask(scores, mask)
        weights = F.dropout(softmax(scores, -1), self.dropout, self.training)
        return merge_heads(weights @ v)


@wrong(
    "lab04.MultiHeadAttention", says="Queries, keys and values come from the same layer", earns=0
)
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        q = split_heads(self.query(x), self.n_heads)
        k = split_heads(self.query(memory), self.n_heads)
        v = split_heads(self.query(memory), self.n_heads)
        scores = attention_scores(q, k)
        if mask is not None:
            scores = apply_mask(scores, mask)
        weights = F.dropout(softmax(scores, -1), self.dropout, self.training)
        return self.output(merge_heads(weights @ v))


@wrong("lab04.MultiHeadAttention", says="The keys were mixed and not the values", earns=0)
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        q = split_heads(self.query(x), self.n_heads)
        k = split_heads(self.key(memory), self.n_heads)
        scores = attention_scores(q, k)
        if mask is not None:
            scores = apply_mask(scores, mask)
        weights = F.dropout(softmax(scores, -1), self.dropout, self.training)
        return self.output(merge_heads(weights @ k))


@wrong("lab04.MultiHeadAttention", says="x was added to the result", earns=0)
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        q = split_heads(self.query(x), self.n_heads)
        k = split_heads(self.key(memory), self.n_heads)
        v = split_heads(self.value(memory), self.n_heads)
        scores = attention_scores(q, k)
        if mask is not None:
            scores = apply_mask(scores, mask)
        weights = F.dropout(softmax(scores, -1), self.dropout, self.training)
        return x + self.output(merge_heads(weights @ v))


@wrong("lab04.MultiHeadAttention", says="The future is blocked without being asked")
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        q = split_heads(self.query(x), self.n_heads)
        k = split_heads(self.key(memory), self.n_heads)
        v = split_heads(self.value(memory), self.n_heads)
        scores = attention_scores(q, k)
        if mask is None:
            mask = causal_mask(x.shape[1], x.device)
        scores = apply_mask(scores, mask)
        weights = F.dropout(softmax(scores, -1), self.dropout, self.training)
        return self.output(merge_heads(weights @ v))


@wrong("lab04.MultiHeadAttention", says="True means may look. (PyTorch")
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        q = split_heads(self.query(x), self.n_heads)
        k = split_heads(self.key(memory), self.n_heads)
        v = split_heads(self.value(memory), self.n_heads)
        scores = attention_scores(q, k)
        if mask is not None:
            scores = scores.masked_fill(mask, float("-inf"))
        weights = F.dropout(softmax(scores, -1), self.dropout, self.training)
        return self.output(merge_heads(weights @ v))


@wrong("lab04.MultiHeadAttention", says="The mask changes nothing")
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        q = split_heads(self.query(x), self.n_heads)
        k = split_heads(self.key(memory), self.n_heads)
        v = split_heads(self.value(memory), self.n_heads)
        scores = attention_scores(q, k)
        weights = F.dropout(softmax(scores, -1), self.dropout, self.training)
        return self.output(merge_heads(weights @ v))


@wrong("lab04.MultiHeadAttention", says="The mask is transposed")
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        q = split_heads(self.query(x), self.n_heads)
        k = split_heads(self.key(memory), self.n_heads)
        v = split_heads(self.value(memory), self.n_heads)
        scores = attention_scores(q, k)
        if mask is not None:
            scores = apply_mask(scores, mask.transpose(-2, -1))
        weights = F.dropout(softmax(scores, -1), self.dropout, self.training)
        return self.output(merge_heads(weights @ v))


@wrong("lab04.MultiHeadAttention", says="The mask was applied after softmax")
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        q = split_heads(self.query(x), self.n_heads)
        k = split_heads(self.key(memory), self.n_heads)
        v = split_heads(self.value(memory), self.n_heads)
        scores = attention_scores(q, k)
        weights = softmax(scores, -1)
        if mask is not None:
            weights = weights * mask
        weights = F.dropout(weights, self.dropout, self.training)
        return self.output(merge_heads(weights @ v))


@wrong("lab04.MultiHeadAttention", says="Blocked scores became 0 before softmax")
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        q = split_heads(self.query(x), self.n_heads)
        k = split_heads(self.key(memory), self.n_heads)
        v = split_heads(self.value(memory), self.n_heads)
        scores = attention_scores(q, k)
        if mask is not None:
            scores = scores * mask
        weights = F.dropout(softmax(scores, -1), self.dropout, self.training)
        return self.output(merge_heads(weights @ v))


@wrong("lab04.MultiHeadAttention", says="The mask was added to the scores as 0 and 1")
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        q = split_heads(self.query(x), self.n_heads)
        k = split_heads(self.key(memory), self.n_heads)
        v = split_heads(self.value(memory), self.n_heads)
        scores = attention_scores(q, k)
        if mask is not None:
            scores = scores + mask
        weights = F.dropout(softmax(scores, -1), self.dropout, self.training)
        return self.output(merge_heads(weights @ v))


@wrong("lab04.MultiHeadAttention", says="A query that may look at nothing gives NaN", earns=4)
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        q = split_heads(self.query(x), self.n_heads)
        k = split_heads(self.key(memory), self.n_heads)
        v = split_heads(self.value(memory), self.n_heads)
        scores = attention_scores(q, k)
        if mask is not None:
            scores = apply_mask(scores, mask)
        weights = F.dropout(torch.softmax(scores, -1), self.dropout, self.training)
        return self.output(merge_heads(weights @ v))


@wrong("lab04.MultiHeadAttention", says="a large negative number was used for -inf", earns=4)
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        q = split_heads(self.query(x), self.n_heads)
        k = split_heads(self.key(memory), self.n_heads)
        v = split_heads(self.value(memory), self.n_heads)
        scores = attention_scores(q, k)
        if mask is not None:
            scores = scores.masked_fill(~mask, -1e9)
        weights = F.dropout(softmax(scores, -1), self.dropout, self.training)
        return self.output(merge_heads(weights @ v))


@wrong("lab04.MultiHeadAttention", says="its gradient is NaN", earns=4)
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        q = split_heads(self.query(x), self.n_heads)
        k = split_heads(self.key(memory), self.n_heads)
        v = split_heads(self.value(memory), self.n_heads)
        scores = attention_scores(q, k)
        if mask is not None:
            bias = torch.where(mask, 0.0, float("-inf")).to(scores.dtype)
            scores = scores + bias
        weights = F.dropout(torch.softmax(scores, -1).nan_to_num(0), self.dropout, self.training)
        return self.output(merge_heads(weights @ v))


@wrong("lab04.MultiHeadAttention", says="memory is ignored")
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x
        q = split_heads(self.query(x), self.n_heads)
        k = split_heads(self.key(memory), self.n_heads)
        v = split_heads(self.value(memory), self.n_heads)
        scores = attention_scores(q, k)
        if mask is not None:
            scores = apply_mask(scores, mask)
        weights = F.dropout(softmax(scores, -1), self.dropout, self.training)
        return self.output(merge_heads(weights @ v))


@wrong("lab04.MultiHeadAttention", says="Queries come from memory, keys and values from x")
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        q = split_heads(self.query(memory), self.n_heads)
        k = split_heads(self.key(x), self.n_heads)
        v = split_heads(self.value(x), self.n_heads)
        scores = attention_scores(q, k)
        if mask is not None:
            scores = apply_mask(scores, mask)
        weights = F.dropout(softmax(scores, -1), self.dropout, self.training)
        return self.output(merge_heads(weights @ v))


@wrong("lab04.MultiHeadAttention", says="The values come from x")
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        q = split_heads(self.query(x), self.n_heads)
        k = split_heads(self.key(memory), self.n_heads)
        v = split_heads(self.value(x), self.n_heads)
        scores = attention_scores(q, k)
        if mask is not None:
            scores = apply_mask(scores, mask)
        weights = F.dropout(softmax(scores, -1), self.dropout, self.training)
        return self.output(merge_heads(weights @ v))


@wrong("lab04.MultiHeadAttention", says="Queries, keys and values all come from memory")
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        q = split_heads(self.query(memory), self.n_heads)
        k = split_heads(self.key(memory), self.n_heads)
        v = split_heads(self.value(memory), self.n_heads)
        scores = attention_scores(q, k)
        if mask is not None:
            scores = apply_mask(scores, mask)
        weights = F.dropout(softmax(scores, -1), self.dropout, self.training)
        return self.output(merge_heads(weights @ v))


@wrong("lab04.MultiHeadAttention", says="Dropout is active in evaluation", earns=4)
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        q = split_heads(self.query(x), self.n_heads)
        k = split_heads(self.key(memory), self.n_heads)
        v = split_heads(self.value(memory), self.n_heads)
        scores = attention_scores(q, k)
        if mask is not None:
            scores = apply_mask(scores, mask)
        weights = F.dropout(softmax(scores, -1), self.dropout)
        return self.output(merge_heads(weights @ v))


@wrong("lab04.MultiHeadAttention", says="In training mode nothing is dropped", earns=4)
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        q = split_heads(self.query(x), self.n_heads)
        k = split_heads(self.key(memory), self.n_heads)
        v = split_heads(self.value(memory), self.n_heads)
        scores = attention_scores(q, k)
        if mask is not None:
            scores = apply_mask(scores, mask)
        weights = softmax(scores, -1)
        return self.output(merge_heads(weights @ v))


@wrong("lab04.MultiHeadAttention", says="Dropout was applied to a result", earns=4)
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        q = split_heads(self.query(x), self.n_heads)
        k = split_heads(self.key(memory), self.n_heads)
        v = split_heads(self.value(memory), self.n_heads)
        scores = attention_scores(q, k)
        if mask is not None:
            scores = apply_mask(scores, mask)
        weights = softmax(scores, -1)
        y = self.output(merge_heads(weights @ v))
        return F.dropout(y, self.dropout, self.training)


@wrong("lab04.MultiHeadAttention", says="divided by 1 - dropout", earns=4)
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        q = split_heads(self.query(x), self.n_heads)
        k = split_heads(self.key(memory), self.n_heads)
        v = split_heads(self.value(memory), self.n_heads)
        scores = attention_scores(q, k)
        if mask is not None:
            scores = apply_mask(scores, mask)
        weights = softmax(scores, -1)
        if self.training:
            weights = weights * (torch.rand_like(weights) >= self.dropout)
        return self.output(merge_heads(weights @ v))


@wrong("lab04.MultiHeadAttention", says="did not raise a ValueError", earns=4.25)
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        q = split_heads(self.query(x), self.n_heads)
        k = split_heads(self.key(memory), self.n_heads)
        v = split_heads(self.value(memory), self.n_heads)
        scores = attention_scores(q, k)
        if mask is not None:
            scores = apply_mask(scores, mask)
        weights = F.dropout(softmax(scores, -1), self.dropout, self.training)
        return self.output(merge_heads(weights @ v))


@wrong("lab04.MultiHeadAttention", says="has no parameter named query.weight", earns=0)
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.W_q, self.W_k = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        q = split_heads(self.W_q(x), self.n_heads)
        k = split_heads(self.W_k(memory), self.n_heads)
        v = split_heads(self.value(memory), self.n_heads)
        scores = attention_scores(q, k)
        if mask is not None:
            scores = apply_mask(scores, mask)
        weights = F.dropout(softmax(scores, -1), self.dropout, self.training)
        return self.output(merge_heads(weights @ v))


@wrong("lab04.MultiHeadAttention", says="has no parameter named query.bias", earns=0)
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query = nn.Linear(d_model, d_model, bias=False)
        self.key = nn.Linear(d_model, d_model, bias=False)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        q = split_heads(self.query(x), self.n_heads)
        k = split_heads(self.key(memory), self.n_heads)
        v = split_heads(self.value(memory), self.n_heads)
        scores = attention_scores(q, k)
        if mask is not None:
            scores = apply_mask(scores, mask)
        weights = F.dropout(softmax(scores, -1), self.dropout, self.training)
        return self.output(merge_heads(weights @ v))


@wrong("lab04.MultiHeadAttention", says="The parameter query.weight has shape", earns=0)
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query = nn.Linear(d_model, d_model // n_heads)
        self.key = nn.Linear(d_model, d_model // n_heads)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        q = split_heads(self.query(x), self.n_heads)
        k = split_heads(self.key(memory), self.n_heads)
        v = split_heads(self.value(memory), self.n_heads)
        scores = attention_scores(q, k)
        if mask is not None:
            scores = apply_mask(scores, mask)
        weights = F.dropout(softmax(scores, -1), self.dropout, self.training)
        return self.output(merge_heads(weights @ v))


@wrong("lab04.MultiHeadAttention", says="cannot assign module before Module.__init__() call")
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        q = split_heads(self.query(x), self.n_heads)
        k = split_heads(self.key(memory), self.n_heads)
        v = split_heads(self.value(memory), self.n_heads)
        scores = attention_scores(q, k)
        if mask is not None:
            scores = apply_mask(scores, mask)
        weights = F.dropout(softmax(scores, -1), self.dropout, self.training)
        return self.output(merge_heads(weights @ v))


@wrong("lab04.MultiHeadAttention", says="forget a return")
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        q = split_heads(self.query(x), self.n_heads)
        k = split_heads(self.key(memory), self.n_heads)
        v = split_heads(self.value(memory), self.n_heads)
        scores = attention_scores(q, k)
        if mask is not None:
            scores = apply_mask(scores, mask)
        weights = F.dropout(softmax(scores, -1), self.dropout, self.training)
        self.output(merge_heads(weights @ v))


@wrong("lab04.MultiHeadAttention", says="forward() got an unexpected keyword argument")
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, attn_mask=None, memory=None):
        mask = attn_mask
        memory = x if memory is None else memory
        q = split_heads(self.query(x), self.n_heads)
        k = split_heads(self.key(memory), self.n_heads)
        v = split_heads(self.value(memory), self.n_heads)
        scores = attention_scores(q, k)
        if mask is not None:
            scores = apply_mask(scores, mask)
        weights = F.dropout(softmax(scores, -1), self.dropout, self.training)
        return self.output(merge_heads(weights @ v))


@wrong(
    "lab04.MultiHeadAttention",
    says="raised RuntimeError: mat1 and mat2 must have the same dtype",
    earns=4.25,
)
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError("heads do not fit")
        self.query, self.key = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.value, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.n_heads, self.dropout = n_heads, dropout

    def forward(self, x, mask=None, memory=None):
        memory = x if memory is None else memory
        q = split_heads(self.query(x), self.n_heads)
        k = split_heads(self.key(memory), self.n_heads)
        v = split_heads(self.value(memory), self.n_heads)
        scores = attention_scores(q.float(), k.float())
        if mask is not None:
            scores = apply_mask(scores, mask)
        weights = F.dropout(softmax(scores, -1), self.dropout, self.training)
        return self.output(merge_heads(weights @ v.float()))


# --- attention_flops


@right("lab04.attention_flops", way="product by product")
def attention_flops(batch, time, d_model):
    def product(m, n, p):
        return 2 * m * n * p

    total = 0
    for _ in ("query", "key", "value", "output"):
        total += product(batch * time, d_model, d_model)
    for _ in range(batch):
        total += product(time, d_model, time)
        total += product(time, time, d_model)
    return total


@right("lab04.attention_flops", way="factored")
def attention_flops(batch, time, d_model):
    return 4 * batch * time * d_model * (2 * d_model + time)


@right("lab04.attention_flops", way="heads of width 1")
def attention_flops(batch, time, d_model):
    n_heads, head_dim = d_model, 1
    linear = 2 * batch * time * d_model * (3 * d_model) + 2 * batch * time * d_model**2
    return linear + 2 * (2 * batch * n_heads * time * time * head_dim)


@wrong("lab04.attention_flops", says="count as two operations, not as one", earns=0)
def attention_flops(batch, time, d_model):
    return 4 * batch * time * d_model**2 + 2 * batch * time**2 * d_model


@wrong("lab04.attention_flops", says="The four linear layers are not counted", earns=0.5)
def attention_flops(batch, time, d_model):
    return 4 * batch * time**2 * d_model


@wrong("lab04.attention_flops", says="the output layer is the fourth", earns=0.5)
def attention_flops(batch, time, d_model):
    return 6 * batch * time * d_model**2 + 4 * batch * time**2 * d_model


@wrong("lab04.attention_flops", says="Half of the work that grows with time² is missing", earns=0.5)
def attention_flops(batch, time, d_model):
    return 8 * batch * time * d_model**2 + 2 * batch * time**2 * d_model


@wrong("lab04.attention_flops", says="The products that grow with time² are missing", earns=0.5)
def attention_flops(batch, time, d_model):
    return 8 * batch * time * d_model**2


@wrong("lab04.attention_flops", says="Only one linear layer is counted", earns=0.5)
def attention_flops(batch, time, d_model):
    return 2 * batch * time * d_model**2 + 4 * batch * time**2 * d_model


@wrong("lab04.attention_flops", says="does not grow with batch", earns=0)
def attention_flops(batch, time, d_model):
    return 8 * time * d_model**2 + 4 * time**2 * d_model


@wrong("lab04.attention_flops", says="returned a float, expected an int", earns=0)
def attention_flops(batch, time, d_model):
    return 8.0 * batch * time * d_model**2 + 4.0 * batch * time**2 * d_model


@wrong("lab04.attention_flops", says="does not grow with", earns=0)
def attention_flops(batch, time, d_model):
    softmax_too = 5 * batch * time**2
    return 8 * batch * time * d_model**2 + 4 * batch * time**2 * d_model + softmax_too


@wrong("lab04.attention_flops", says="does not grow with", earns=0)
def attention_flops(batch, time, d_model):
    return 8 * batch * time * d_model**2 + 4 * batch * time**2


@wrong("lab04.attention_flops", says="are missing or counted too often", earns=0.5)
def attention_flops(batch, time, d_model):
    causal_half = 2 * batch * time**2 * d_model
    return 10 * batch * time * d_model**2 + 2 * causal_half
