"""Answers to lab03_language_models, right and wrong."""

from torch import nn

from tests.bank import right, wrong

# --- bigram_model


@right("lab03.bigram_model", way="a loop over pairs")
def bigram_model(ids, vocab_size, alpha):
    counts = torch.zeros((vocab_size, vocab_size), dtype=torch.float32)
    for a, b in zip(ids, ids[1:]):
        counts[a, b] += 1
    P = counts + alpha
    sums = P.sum(1, keepdim=True)
    P = P / sums
    P[sums.squeeze(1) == 0] = 1 / vocab_size
    return P


@right("lab03.bigram_model", way="bincount of pair numbers")
def bigram_model(ids, vocab_size, alpha):
    pairs = ids[:-1] * vocab_size + ids[1:]
    counts = torch.bincount(pairs, minlength=vocab_size**2).view(vocab_size, vocab_size).float()
    probs = (counts + alpha) / (counts.sum(-1, keepdim=True) + alpha * vocab_size)
    return torch.nan_to_num(probs, nan=1.0 / vocab_size)


@right("lab03.bigram_model", way="one-hot matrices multiplied with einsum")
def bigram_model(ids, vocab_size, alpha):
    hot = nn.functional.one_hot(ids, vocab_size).double()
    counts = torch.einsum("ta,tb->ab", hot[:-1], hot[1:]) + alpha
    empty = counts.sum(1) == 0
    counts[empty] += 1
    return (counts / counts.sum(1, keepdim=True)).float()


@right("lab03.bigram_model", way="a Counter and rows of lists")
def bigram_model(ids, vocab_size, alpha):
    from collections import Counter

    counts = Counter(zip(ids.tolist(), ids.tolist()[1:]))
    rows = []
    for a in range(vocab_size):
        row = [counts[a, b] + alpha for b in range(vocab_size)]
        total = sum(row)
        rows.append([x / total if total else 1 / vocab_size for x in row])
    return torch.tensor(rows)


@wrong("lab03.bigram_model", says="counts[a, b] += 1 with index tensors keeps one of the repeats")
def bigram_model(ids, vocab_size, alpha):
    counts = torch.zeros(vocab_size, vocab_size)
    counts[ids[:-1], ids[1:]] += 1
    counts += alpha
    sums = counts.sum(1, keepdim=True)
    return torch.where(sums > 0, counts / sums, 1 / vocab_size)


@wrong("lab03.bigram_model", says="Rows and columns are swapped", earns=0)
def bigram_model(ids, vocab_size, alpha):
    counts = torch.zeros(vocab_size, vocab_size)
    for a, b in zip(ids, ids[1:]):
        counts[b, a] += 1
    counts += alpha
    sums = counts.sum(1, keepdim=True)
    return torch.where(sums > 0, counts / sums, 1 / vocab_size)


@wrong("lab03.bigram_model", says="The columns sum to one", earns=0)
def bigram_model(ids, vocab_size, alpha):
    counts = torch.zeros(vocab_size, vocab_size)
    for a, b in zip(ids, ids[1:]):
        counts[a, b] += 1
    counts += alpha
    return counts / counts.sum(0, keepdim=True)


@wrong("lab03.bigram_model", says="Not every row sums to one", earns=0)
def bigram_model(ids, vocab_size, alpha):
    counts = torch.zeros(vocab_size, vocab_size)
    for a, b in zip(ids, ids[1:]):
        counts[a, b] += 1
    counts += alpha
    return counts / counts.sum(1)


@wrong("lab03.bigram_model", says="The whole table sums to one", earns=0)
def bigram_model(ids, vocab_size, alpha):
    counts = torch.zeros(vocab_size, vocab_size)
    for a, b in zip(ids, ids[1:]):
        counts[a, b] += 1
    counts += alpha
    return counts / counts.sum()


@wrong("lab03.bigram_model", says="A row is NaN", earns=2.5)
def bigram_model(ids, vocab_size, alpha):
    counts = torch.zeros(vocab_size, vocab_size)
    for a, b in zip(ids, ids[1:]):
        counts[a, b] += 1
    return (counts + alpha) / (counts + alpha).sum(1, keepdim=True)


@wrong("lab03.bigram_model", says="is all zeros: it must sum to one too", earns=2.5)
def bigram_model(ids, vocab_size, alpha):
    counts = torch.zeros(vocab_size, vocab_size)
    for a, b in zip(ids, ids[1:]):
        counts[a, b] += 1
    counts += alpha
    return counts / counts.sum(1, keepdim=True).clamp(min=1e-9)


@wrong("lab03.bigram_model", says="the last token of ids has no successor")
def bigram_model(ids, vocab_size, alpha):
    counts = torch.zeros(vocab_size, vocab_size)
    for a, b in zip(ids, ids[1:]):
        counts[a, b] += 1
    n = torch.bincount(ids, minlength=vocab_size)[:, None]
    return (counts + alpha) / (n + alpha * vocab_size)


@wrong("lab03.bigram_model", says="alpha is not used")
def bigram_model(ids, vocab_size, alpha):
    counts = torch.zeros(vocab_size, vocab_size)
    for a, b in zip(ids, ids[1:]):
        counts[a, b] += 1
    sums = counts.sum(1, keepdim=True)
    return counts / sums


@wrong("lab03.bigram_model", says="1 was added to every count: add alpha")
def bigram_model(ids, vocab_size, alpha):
    counts = torch.ones(vocab_size, vocab_size)
    for a, b in zip(ids, ids[1:]):
        counts[a, b] += 1
    return counts / counts.sum(1, keepdim=True)


@wrong("lab03.bigram_model", says="but not to what they are divided by")
def bigram_model(ids, vocab_size, alpha):
    counts = torch.zeros(vocab_size, vocab_size)
    for a, b in zip(ids, ids[1:]):
        counts[a, b] += 1
    return (counts + alpha) / counts.sum(1, keepdim=True)


@wrong("lab03.bigram_model", says="so the sum grows by alpha * vocab_size")
def bigram_model(ids, vocab_size, alpha):
    counts = torch.zeros(vocab_size, vocab_size)
    for a, b in zip(ids, ids[1:]):
        counts[a, b] += 1
    return (counts + alpha) / (counts.sum(1, keepdim=True) + alpha)


@wrong("lab03.bigram_model", says="The last token is paired with the first")
def bigram_model(ids, vocab_size, alpha):
    counts = torch.zeros(vocab_size, vocab_size)
    for a, b in zip(ids, torch.roll(ids, -1)):
        counts[a, b] += 1
    counts += alpha
    sums = counts.sum(1, keepdim=True)
    return torch.where(sums > 0, counts / sums, 1 / vocab_size)


@wrong("lab03.bigram_model", says="softmax was taken of the counts")
def bigram_model(ids, vocab_size, alpha):
    counts = torch.zeros(vocab_size, vocab_size)
    for a, b in zip(ids, ids[1:]):
        counts[a, b] += 1
    return torch.softmax(counts + alpha, dim=1)


@wrong("lab03.bigram_model", says="has shape (5, 5), expected (6, 6)")
def bigram_model(ids, vocab_size, alpha):
    n = int(ids.max()) + 1
    counts = torch.zeros(n, n)
    for a, b in zip(ids, ids[1:]):
        counts[a, b] += 1
    counts += alpha
    sums = counts.sum(1, keepdim=True)
    return torch.where(sums > 0, counts / sums, 1 / n)


@wrong("lab03.bigram_model", says="has dtype torch.float64, expected torch.float32", earns=0)
def bigram_model(ids, vocab_size, alpha):
    counts = torch.zeros(vocab_size, vocab_size, dtype=torch.double)
    for a, b in zip(ids, ids[1:]):
        counts[a, b] += 1
    counts += alpha
    sums = counts.sum(1, keepdim=True)
    return torch.where(sums > 0, counts / sums, 1 / vocab_size)


# --- cross_entropy


@right("lab03.cross_entropy", way="logsumexp and indexing")
def cross_entropy(logits, targets):
    rows = torch.arange(len(targets), device=logits.device)
    return (torch.logsumexp(logits, dim=1) - logits[rows, targets]).mean()


@right("lab03.cross_entropy", way="log_softmax and a one-hot product")
def cross_entropy(logits, targets):
    logp = torch.log_softmax(logits, dim=-1)
    hot = nn.functional.one_hot(targets, logits.shape[-1]).bool()
    return -logp[hot].sum() / len(targets)


@right("lab03.cross_entropy", way="a loop over the rows")
def cross_entropy(logits, targets):
    total = 0
    for row, target in zip(logits, targets):
        m = row.max()
        total = total + torch.log(torch.sum(torch.exp(row - m))) + m - row[target]
    return total / len(targets)


@right("lab03.cross_entropy", way="the library's own")
def cross_entropy(logits, targets):
    return nn.functional.cross_entropy(logits.float(), targets)


@wrong("lab03.cross_entropy", says="exp of a large logit is inf", earns=2)
def cross_entropy(logits, targets):
    logp = logits - logits.exp().sum(-1, keepdim=True).log()
    return -logp[torch.arange(len(targets)), targets].mean()


@wrong("lab03.cross_entropy", says="exp of a large logit is inf", earns=2)
def cross_entropy(logits, targets):
    p = logits.exp() / logits.exp().sum(-1, keepdim=True)
    return -p.gather(1, targets[:, None]).log().mean()


@wrong("lab03.cross_entropy", says="Each row needs its own maximum", earns=2)
def cross_entropy(logits, targets):
    z = logits - logits.max()
    logp = z - z.exp().sum(-1, keepdim=True).log()
    return -logp.gather(1, targets[:, None]).mean()


@wrong("lab03.cross_entropy", says="A small number was added inside the logarithm", earns=2)
def cross_entropy(logits, targets):
    p = torch.softmax(logits, dim=-1)
    return -torch.log(p[torch.arange(len(targets)), targets] + 1e-9).mean()


@wrong("lab03.cross_entropy", says="exp of one far below zero is 0", earns=2)
def cross_entropy(logits, targets):
    p = torch.softmax(logits, dim=-1)
    return -torch.log(p[torch.arange(len(targets)), targets]).mean()


@wrong("lab03.cross_entropy", says="Every target was looked up in every row", earns=0)
def cross_entropy(logits, targets):
    logp = logits - torch.logsumexp(logits, dim=1, keepdim=True)
    return -logp[:, targets].mean()


@wrong("lab03.cross_entropy", says="take their mean", earns=0)
def cross_entropy(logits, targets):
    logp = logits - torch.logsumexp(logits, dim=1, keepdim=True)
    return -logp.gather(1, targets[:, None]).sum()


@wrong("lab03.cross_entropy", says="softmax runs over the batch (dim=0)", earns=0)
def cross_entropy(logits, targets):
    logp = torch.log_softmax(logits, dim=0)
    return -logp.gather(1, targets[:, None]).mean()


@wrong("lab03.cross_entropy", says="one loss for each row: return their mean", earns=0)
def cross_entropy(logits, targets):
    logp = torch.log_softmax(logits, dim=1)
    return -logp.gather(1, targets[:, None]).squeeze(1)


@wrong("lab03.cross_entropy", says="The sign is wrong", earns=0)
def cross_entropy(logits, targets):
    logp = torch.log_softmax(logits, dim=1)
    return logp.gather(1, targets[:, None]).mean()


@wrong("lab03.cross_entropy", says="divide by the number of rows", earns=0)
def cross_entropy(logits, targets):
    logp = torch.log_softmax(logits, dim=1)
    hot = nn.functional.one_hot(targets, logits.shape[1])
    return -(logp * hot).mean()


@wrong("lab03.cross_entropy", says="softmax was taken twice", earns=0)
def cross_entropy(logits, targets):
    p = torch.softmax(logits, dim=-1)
    return nn.functional.cross_entropy(p, targets)


@wrong("lab03.cross_entropy", says="use the natural logarithm", earns=0)
def cross_entropy(logits, targets):
    logp = torch.log_softmax(logits, dim=1) / math.log(2)
    return -logp.gather(1, targets[:, None]).mean()


@wrong("lab03.cross_entropy", says="The logits that were passed in have changed", earns=2)
def cross_entropy(logits, targets):
    logits -= logits.max(dim=-1, keepdim=True).values
    logp = logits - logits.exp().sum(-1, keepdim=True).log()
    return -logp.gather(1, targets[:, None]).mean()


@wrong("lab03.cross_entropy", says="No gradient reaches the logits", earns=2)
def cross_entropy(logits, targets):
    with torch.no_grad():
        logp = torch.log_softmax(logits, dim=1)
        return -logp.gather(1, targets[:, None]).mean()


@wrong("lab03.cross_entropy", says="the loss is a float, expected a torch.Tensor", earns=0)
def cross_entropy(logits, targets):
    logp = torch.log_softmax(logits, dim=1)
    return -logp.gather(1, targets[:, None]).mean().item()


@wrong("lab03.cross_entropy", says="were clamped", earns=2)
def cross_entropy(logits, targets):
    z = logits.clamp(-50, 50)
    logp = z - z.exp().sum(-1, keepdim=True).log()
    return -logp.gather(1, targets[:, None]).mean()


# --- perplexity


@right("lab03.perplexity", way="math.exp with the overflow caught")
def perplexity(loss):
    try:
        return math.exp(loss)
    except OverflowError:
        return math.inf


@right("lab03.perplexity", way="a tensor of one number")
def perplexity(loss):
    return torch.exp(torch.tensor(loss))


@right("lab03.perplexity", way="numpy")
def perplexity(loss):
    import numpy as np

    with np.errstate(over="ignore"):
        return np.exp(loss)


@wrong("lab03.perplexity", says="raised OverflowError", earns=0.75)
def perplexity(loss):
    return math.exp(loss)


@wrong("lab03.perplexity", says="the loss is in nats, so the base is e")
def perplexity(loss):
    return float(torch.tensor(2.0) ** loss)


@wrong("lab03.perplexity", says="the loss is in nats, so the base is e")
def perplexity(loss):
    return 10.0**loss if loss < 300 else math.inf


@wrong("lab03.perplexity", says="The exponent has the wrong sign", earns=0)
def perplexity(loss):
    return math.exp(-loss)


@wrong("lab03.perplexity", says="This is the logarithm of the loss")
def perplexity(loss):
    return math.log(loss) if loss > 0 else -math.inf


@wrong("lab03.perplexity", says="This is the loss in bits", earns=0)
def perplexity(loss):
    return loss / math.log(2)


@wrong("lab03.perplexity", says="This is one less than the perplexity")
def perplexity(loss):
    return torch.tensor(loss).expm1().item()


@wrong("lab03.perplexity", says="an infinite perplexity is math.inf", earns=0.75)
def perplexity(loss):
    return math.exp(min(loss, 700))


@wrong("lab03.perplexity", says="returned a str, expected a float", earns=0)
def perplexity(loss):
    return f"{torch.tensor(loss).exp().item():.2f}"


# --- bits_per_byte


@right("lab03.bits_per_byte", way="log2 of e")
def bits_per_byte(loss, n_tokens, n_bytes):
    return loss * math.log2(math.e) * (n_tokens / n_bytes)


@right("lab03.bits_per_byte", way="bytes per token first, as a tensor")
def bits_per_byte(loss, n_tokens, n_bytes):
    bytes_per_token = torch.tensor(n_bytes / n_tokens)
    return (loss / torch.log(torch.tensor(2.0))) / bytes_per_token


@right("lab03.bits_per_byte", way="through the perplexity of a byte")
def bits_per_byte(loss, n_tokens, n_bytes):
    return math.log2(math.exp(loss * n_tokens / n_bytes))


@wrong("lab03.bits_per_byte", says="This is in nats: divide by ln 2", earns=0)
def bits_per_byte(loss, n_tokens, n_bytes):
    return loss * n_tokens / n_bytes


@wrong("lab03.bits_per_byte", says="a nat is more than a bit", earns=0)
def bits_per_byte(loss, n_tokens, n_bytes):
    return loss * math.log(2) * n_tokens / n_bytes


@wrong("lab03.bits_per_byte", says="n_tokens / n_bytes is upside down", earns=1)
def bits_per_byte(loss, n_tokens, n_bytes):
    return loss / math.log(2) * n_bytes / n_tokens


@wrong("lab03.bits_per_byte", says="These are bits per token", earns=1)
def bits_per_byte(loss, n_tokens, n_bytes):
    return loss / math.log(2)


@wrong("lab03.bits_per_byte", says="These are the bits of the whole text", earns=0)
def bits_per_byte(loss, n_tokens, n_bytes):
    return loss * n_tokens / math.log(2)


@wrong("lab03.bits_per_byte", says="bits measure information", earns=0)
def bits_per_byte(loss, n_tokens, n_bytes):
    return loss * n_tokens / math.log(2) / (8 * n_bytes)


@wrong("lab03.bits_per_byte", says="the loss is a logarithm already", earns=0)
def bits_per_byte(loss, n_tokens, n_bytes):
    return math.log2(loss) * n_tokens / n_bytes


@wrong("lab03.bits_per_byte", says="has lost its fraction", earns=1)
def bits_per_byte(loss, n_tokens, n_bytes):
    return loss / math.log(2) * (n_tokens // n_bytes)


@wrong("lab03.bits_per_byte", says="for bits divide by ln 2", earns=0)
def bits_per_byte(loss, n_tokens, n_bytes):
    return loss * n_tokens / n_bytes / math.log(10)


@wrong("lab03.bits_per_byte", says="forget a return", earns=0)
def bits_per_byte(loss, n_tokens, n_bytes):
    print(loss * n_tokens / math.log(2) / n_bytes)


# --- NeuralLM


@right("lab03.NeuralLM", way="view, and torch.cat of the vectors")
class NeuralLM(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, n_hidden, direct=False):
        super(NeuralLM, self).__init__()
        self.context_length = context_length
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.hidden = nn.Linear(context_length * d_model, n_hidden)
        self.output = nn.Linear(n_hidden, vocab_size)
        if direct:
            self.direct = nn.Linear(context_length * d_model, vocab_size, bias=False)
        self.use_direct = direct

    def forward(self, ids):
        parts = [self.embedding(ids[:, t]) for t in range(self.context_length)]
        x = torch.cat(parts, dim=-1)
        out = self.output(self.hidden(x).tanh())
        if self.use_direct:
            out += self.direct(x)
        return out


@right("lab03.NeuralLM", way="a Sequential that keeps the names, view")
class NeuralLM(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, n_hidden, direct=False):
        super().__init__()
        n_in = context_length * d_model
        self.n_in = n_in
        self.embedding = nn.Embedding(
            vocab_size, d_model, _weight=0.1 * torch.randn(vocab_size, d_model)
        )
        self.hidden = nn.Linear(n_in, n_hidden)
        self.act = nn.Tanh()
        self.output = nn.Linear(n_hidden, vocab_size)
        self.direct = nn.Linear(n_in, vocab_size, bias=False) if direct else (lambda x: 0)
        nn.init.zeros_(self.output.bias)

    def forward(self, ids):
        embeds = self.embedding(ids).view((-1, self.n_in))
        return self.direct(embeds) + self.output(self.act(self.hidden(embeds)))


@right("lab03.NeuralLM", way="einsum over the places")
class NeuralLM(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, n_hidden, direct=False):
        super().__init__()
        self.sizes = context_length, d_model
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.hidden = nn.Linear(context_length * d_model, n_hidden)
        self.output = nn.Linear(n_hidden, vocab_size)
        if direct:
            self.direct = nn.Linear(context_length * d_model, vocab_size, bias=False)

    def forward(self, ids):
        x = self.embedding.weight[ids]
        H = self.hidden.weight.view(-1, *self.sizes)
        h = torch.tanh(torch.einsum("btd,htd->bh", x, H) + self.hidden.bias)
        z = h @ self.output.weight.T + self.output.bias
        if hasattr(self, "direct"):
            z = z + torch.einsum("btd,vtd->bv", x, self.direct.weight.view(-1, *self.sizes))
        return z


@wrong("lab03.NeuralLM", says="The hidden layer has no tanh", earns=0)
class NeuralLM(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, n_hidden, direct=False):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.hidden = nn.Linear(context_length * d_model, n_hidden)
        self.output = nn.Linear(n_hidden, vocab_size)
        self.direct = (
            nn.Linear(context_length * d_model, vocab_size, bias=False) if direct else None
        )

    def forward(self, ids):
        x = self.embedding(ids).flatten(1)
        z = self.output(self.hidden(x))
        return z + self.direct(x) if self.direct else z


@wrong("lab03.NeuralLM", says="The hidden layer uses ReLU", earns=0)
class NeuralLM(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, n_hidden, direct=False):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.hidden = nn.Linear(context_length * d_model, n_hidden)
        self.output = nn.Linear(n_hidden, vocab_size)
        self.direct = (
            nn.Linear(context_length * d_model, vocab_size, bias=False) if direct else None
        )

    def forward(self, ids):
        x = self.embedding(ids).flatten(1)
        z = self.output(torch.relu(self.hidden(x)))
        return z + self.direct(x) if self.direct else z


@wrong("lab03.NeuralLM", says="concatenated, not added or averaged", earns=0)
class NeuralLM(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, n_hidden, direct=False):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.hidden = nn.Linear(d_model, n_hidden)
        self.output = nn.Linear(n_hidden, vocab_size)
        self.direct = nn.Linear(d_model, vocab_size, bias=False) if direct else None

    def forward(self, ids):
        x = self.embedding(ids).mean(1)
        z = self.output(torch.tanh(self.hidden(x)))
        return z + self.direct(x) if self.direct else z


@wrong("lab03.NeuralLM", says="The numbers of different tokens are interleaved", earns=0)
class NeuralLM(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, n_hidden, direct=False):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.hidden = nn.Linear(context_length * d_model, n_hidden)
        self.output = nn.Linear(n_hidden, vocab_size)
        self.direct = (
            nn.Linear(context_length * d_model, vocab_size, bias=False) if direct else None
        )

    def forward(self, ids):
        x = self.embedding(ids).transpose(1, 2).flatten(1)
        z = self.output(torch.tanh(self.hidden(x)))
        return z + self.direct(x) if self.direct else z


@wrong("lab03.NeuralLM", says="Sequences of the batch are mixed", earns=0)
class NeuralLM(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, n_hidden, direct=False):
        super().__init__()
        self.n_in = context_length * d_model
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.hidden = nn.Linear(context_length * d_model, n_hidden)
        self.output = nn.Linear(n_hidden, vocab_size)
        self.direct = (
            nn.Linear(context_length * d_model, vocab_size, bias=False) if direct else None
        )

    def forward(self, ids):
        x = self.embedding(ids.T).reshape(-1, self.n_in)
        z = self.output(torch.tanh(self.hidden(x)))
        return z + self.direct(x) if self.direct else z


@wrong("lab03.NeuralLM", says="the oldest token comes first", earns=0)
class NeuralLM(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, n_hidden, direct=False):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.hidden = nn.Linear(context_length * d_model, n_hidden)
        self.output = nn.Linear(n_hidden, vocab_size)
        self.direct = (
            nn.Linear(context_length * d_model, vocab_size, bias=False) if direct else None
        )

    def forward(self, ids):
        x = self.embedding(ids.flip(1)).flatten(1)
        z = self.output(torch.tanh(self.hidden(x)))
        return z + self.direct(x) if self.direct else z


@wrong("lab03.NeuralLM", says="These are probabilities: return the logits", earns=0)
class NeuralLM(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, n_hidden, direct=False):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.hidden = nn.Linear(context_length * d_model, n_hidden)
        self.output = nn.Linear(n_hidden, vocab_size)
        self.direct = (
            nn.Linear(context_length * d_model, vocab_size, bias=False) if direct else None
        )

    def forward(self, ids):
        x = self.embedding(ids).flatten(1)
        z = self.output(torch.tanh(self.hidden(x)))
        if self.direct:
            z = z + self.direct(x)
        return torch.softmax(z, dim=-1)


@wrong("lab03.NeuralLM", says="The direct connections are missing")
class NeuralLM(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, n_hidden, direct=False):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.hidden = nn.Linear(context_length * d_model, n_hidden)
        self.output = nn.Linear(n_hidden, vocab_size)
        if direct:
            self.direct = nn.Linear(context_length * d_model, vocab_size, bias=False)

    def forward(self, ids):
        x = self.embedding(ids).flatten(1)
        return self.output(torch.tanh(self.hidden(x)))


@wrong("lab03.NeuralLM", says="has no parameter named direct.weight")
class NeuralLM(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, n_hidden, direct=False):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.hidden = nn.Linear(context_length * d_model, n_hidden)
        self.output = nn.Linear(n_hidden, vocab_size)

    def forward(self, ids):
        x = self.embedding(ids).flatten(1)
        return self.output(torch.tanh(self.hidden(x)))


@wrong("lab03.NeuralLM", says="output.bias is there already, so bias=False", earns=2.5)
class NeuralLM(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, n_hidden, direct=False):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.hidden = nn.Linear(context_length * d_model, n_hidden)
        self.output = nn.Linear(n_hidden, vocab_size)
        self.direct = nn.Linear(context_length * d_model, vocab_size) if direct else None

    def forward(self, ids):
        x = self.embedding(ids).flatten(1)
        z = self.output(torch.tanh(self.hidden(x)))
        return z + self.direct(x) if self.direct else z


@wrong("lab03.NeuralLM", says="start at the embeddings, not at the hidden layer")
class NeuralLM(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, n_hidden, direct=False):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.hidden = nn.Linear(context_length * d_model, n_hidden)
        self.output = nn.Linear(n_hidden, vocab_size)
        self.direct = nn.Linear(n_hidden, vocab_size, bias=False) if direct else None

    def forward(self, ids):
        h = torch.tanh(self.hidden(self.embedding(ids).flatten(1)))
        return self.output(h) + self.direct(h) if self.direct else self.output(h)


@wrong("lab03.NeuralLM", says="No gradient reaches embedding.weight", earns=3.5)
class NeuralLM(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, n_hidden, direct=False):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.hidden = nn.Linear(context_length * d_model, n_hidden)
        self.output = nn.Linear(n_hidden, vocab_size)
        self.direct = (
            nn.Linear(context_length * d_model, vocab_size, bias=False) if direct else None
        )

    def forward(self, ids):
        x = self.embedding.weight.data[ids].flatten(1)
        z = self.output(torch.tanh(self.hidden(x)))
        return z + self.direct(x) if self.direct else z


@wrong(
    "lab03.NeuralLM", says="In train mode the logits differ: this model has no dropout", earns=3.5
)
class NeuralLM(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, n_hidden, direct=False):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.hidden = nn.Linear(context_length * d_model, n_hidden)
        self.drop = nn.Dropout(0.5)
        self.output = nn.Linear(n_hidden, vocab_size)
        self.direct = (
            nn.Linear(context_length * d_model, vocab_size, bias=False) if direct else None
        )

    def forward(self, ids):
        x = self.embedding(ids).flatten(1)
        z = self.output(self.drop(torch.tanh(self.hidden(x))))
        return z + self.direct(x) if self.direct else z


@wrong("lab03.NeuralLM", says="Two calls in eval mode give different logits", earns=0)
class NeuralLM(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, n_hidden, direct=False):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.hidden = nn.Linear(context_length * d_model, n_hidden)
        self.output = nn.Linear(n_hidden, vocab_size)
        self.direct = (
            nn.Linear(context_length * d_model, vocab_size, bias=False) if direct else None
        )

    def forward(self, ids):
        x = nn.functional.dropout(self.embedding(ids).flatten(1), 0.5)
        z = self.output(torch.tanh(self.hidden(x)))
        return z + self.direct(x) if self.direct else z


@wrong("lab03.NeuralLM", says="the forward pass raises RuntimeError", earns=3.5)
class NeuralLM(nn.Module):
    def __init__(self, vocab_size, context_length, d_model, n_hidden, direct=False):
        super().__init__()
        self.vocab_size = vocab_size
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.hidden = nn.Linear(context_length * d_model, n_hidden)
        self.output = nn.Linear(n_hidden, vocab_size)
        self.direct = (
            nn.Linear(context_length * d_model, vocab_size, bias=False) if direct else None
        )

    def forward(self, ids):
        x = (nn.functional.one_hot(ids, self.vocab_size).float() @ self.embedding.weight).flatten(1)
        z = self.output(torch.tanh(self.hidden(x)))
        return z + self.direct(x) if self.direct else z


# --- train


@right("lab03.train", way="zip with range, gradients set to None through the model")
def train(model, batches, optimizer, steps):
    model.train()
    losses = []
    for (x, y), step in zip(batches, range(steps)):
        loss = nn.functional.cross_entropy(model(x), y)
        model.zero_grad(set_to_none=False)
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    model.train(False)
    return losses


@right("lab03.train", way="zero_grad first, islice, a tensor of detached losses as a list")
def train(model, batches, optimizer, steps):
    from itertools import islice

    model.train()
    losses = []
    for x, y in islice(batches, steps):
        optimizer.zero_grad(set_to_none=True)
        logits = model(x)
        loss = cross_entropy(logits, y)
        loss.backward()
        losses.append(loss.detach())
        optimizer.step()
    model.eval()
    return torch.stack(losses).tolist()


@right("lab03.train", way="enumerate and break")
def train(model, batches, optimizer, steps):
    losses = []
    optimizer.zero_grad()
    for i, (x, y) in enumerate(batches):
        if i == steps:
            break
        if not model.training:
            model.train()
        loss = cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    model.eval()
    return losses


@wrong("lab03.train", says="The gradients of all steps add up")
def train(model, batches, optimizer, steps):
    model.train()
    losses = []
    for _ in range(steps):
        x, y = next(batches)
        loss = cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    return losses


@wrong("lab03.train", says="clear them in every step")
def train(model, batches, optimizer, steps):
    model.train()
    losses = []
    optimizer.zero_grad()
    for _ in range(steps):
        x, y = next(batches)
        loss = cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    return losses


@wrong("lab03.train", says="Gradients from before the first step were used", earns=2.5)
def train(model, batches, optimizer, steps):
    model.train()
    losses = []
    for _ in range(steps):
        x, y = next(batches)
        loss = cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    model.eval()
    return losses


@wrong("lab03.train", says="optimizer.step() was never called")
def train(model, batches, optimizer, steps):
    model.train()
    losses = []
    for _ in range(steps):
        x, y = next(batches)
        loss = cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        losses.append(loss.item())
    model.eval()
    return losses


@wrong("lab03.train", says="Is zero_grad between backward and step")
def train(model, batches, optimizer, steps):
    model.train()
    losses = []
    for _ in range(steps):
        x, y = next(batches)
        loss = cross_entropy(model(x), y)
        loss.backward()
        optimizer.zero_grad()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    return losses


@wrong("lab03.train", says="backward missing or too late")
def train(model, batches, optimizer, steps):
    model.train()
    losses = []
    for _ in range(steps):
        x, y = next(batches)
        loss = cross_entropy(model(x), y)
        optimizer.zero_grad()
        optimizer.step()
        loss.backward()
        losses.append(loss.item())
    model.eval()
    return losses


@wrong("lab03.train", says="The same batch was used in every step")
def train(model, batches, optimizer, steps):
    model.train()
    losses = []
    x, y = next(batches)
    for _ in range(steps):
        loss = cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    return losses


@wrong("lab03.train", says="was not in train mode during a step", earns=3)
def train(model, batches, optimizer, steps):
    losses = []
    for _ in range(steps):
        x, y = next(batches)
        loss = cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    return losses


@wrong("lab03.train", says="The model is left in train mode", earns=3)
def train(model, batches, optimizer, steps):
    model.train()
    losses = []
    for _ in range(steps):
        x, y = next(batches)
        loss = cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@wrong("lab03.train", says="was not in train mode during a step", earns=3)
def train(model, batches, optimizer, steps):
    losses = []
    model.training = True
    for _ in range(steps):
        x, y = next(batches)
        loss = cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    return losses


@wrong(
    "lab03.train",
    says=("The losses are tensors, expected floats", "graphs of earlier steps"),
    earns=2.5,
)
def train(model, batches, optimizer, steps):
    model.train()
    losses = []
    for _ in range(steps):
        x, y = next(batches)
        loss = cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss)
    model.eval()
    return losses


@wrong("lab03.train", says="The graphs of earlier steps are kept alive", earns=3.5)
def train(model, batches, optimizer, steps):
    model.train()
    losses, total = [], 0
    for step in range(steps):
        x, y = next(batches)
        loss = cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss
        losses.append(loss.item())
    print(f"mean loss {(total / steps):.3f}")
    model.eval()
    return losses


@wrong("lab03.train", says="one optimizer step for each of `steps` batches")
def train(model, batches, optimizer, steps):
    model.train()
    losses = []
    for x, y in batches:
        loss = cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    return losses


@wrong("lab03.train", says="One is missing")
def train(model, batches, optimizer, steps):
    model.train()
    losses = []
    for _ in range(1, steps):
        x, y = next(batches)
        loss = cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    return losses


@wrong("lab03.train", says="softmax was applied before the loss")
def train(model, batches, optimizer, steps):
    model.train()
    losses = []
    for _ in range(steps):
        x, y = next(batches)
        probs = torch.softmax(model(x), dim=-1)
        loss = cross_entropy(probs, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    return losses


@wrong("lab03.train", says="The list holds running means", earns=3)
def train(model, batches, optimizer, steps):
    model.train()
    losses, total = [], 0.0
    for step in range(1, steps + 1):
        x, y = next(batches)
        loss = cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
        losses.append(total / step)
    model.eval()
    return losses


@wrong("lab03.train", says="train returned None, expected the list of losses", earns=3)
def train(model, batches, optimizer, steps):
    model.train()
    for _ in range(steps):
        x, y = next(batches)
        loss = cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()


@wrong("lab03.train", says="train returned a float, expected the list of losses", earns=3)
def train(model, batches, optimizer, steps):
    model.train()
    for _ in range(steps):
        x, y = next(batches)
        loss = cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    return loss.item()


@wrong("lab03.train", says="The losses were computed again", earns=3)
def train(model, batches, optimizer, steps):
    model.train()
    losses = []
    for _ in range(steps):
        x, y = next(batches)
        loss = cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            losses.append(cross_entropy(model(x), y).item())
    model.eval()
    return losses


# --- sample


@right("lab03.sample", way="Gumbel noise on the log-probabilities")
def sample(probs, temperature, generator):
    if temperature == 0:
        return torch.argmax(probs, dim=-1)
    u = torch.rand(probs.shape, generator=generator, dtype=torch.float64).clamp(min=1e-300)
    gumbel = -torch.log(-torch.log(u))
    return torch.argmax(probs.double().log() / temperature + gumbel, dim=-1)


@right("lab03.sample", way="inverse of the cumulative distribution")
def sample(probs, temperature, generator):
    if temperature == 0:
        return probs.argmax(1)
    q = torch.softmax(torch.log(probs.double()) / temperature, dim=1)
    u = torch.rand(len(q), 1, generator=generator, dtype=torch.double)
    return (q.cumsum(1) <= u * q.sum(1, keepdim=True)).sum(1).clamp(max=q.shape[1] - 1)


@right("lab03.sample", way="powers of the ratio to the largest, multinomial")
def sample(probs, temperature, generator):
    largest = probs.max(dim=-1, keepdim=True).values
    if temperature == 0:
        return probs.max(dim=-1).indices
    weights = (probs / largest) ** (1 / temperature)
    return torch.multinomial(weights, num_samples=1, generator=generator)[:, 0]


@right("lab03.sample", way="a loop over the rows")
def sample(probs, temperature, generator):
    if temperature == 0:
        return probs.argmax(-1)
    logits = torch.log(probs) / temperature
    drawn = [torch.multinomial(row.softmax(0), 1, generator=generator) for row in logits]
    return torch.cat(drawn)


@wrong("lab03.sample", says="The temperature has no effect", earns=1)
def sample(probs, temperature, generator):
    if temperature == 0:
        return probs.argmax(-1)
    q = probs / temperature
    q = q / q.sum(-1, keepdim=True)
    if temperature < 0.01:
        return probs.argmax(-1)
    return torch.multinomial(q, 1, generator=generator).squeeze(-1)


@wrong("lab03.sample", says="The probabilities were taken for logits")
def sample(probs, temperature, generator):
    if temperature == 0:
        return probs.argmax(-1)
    q = torch.softmax(probs / temperature, dim=-1)
    return torch.multinomial(q, 1, generator=generator).squeeze(-1)


@wrong("lab03.sample", says="The temperature works upside down")
def sample(probs, temperature, generator):
    if temperature == 0:
        return probs.argmax(-1)
    q = torch.softmax(probs.log() * temperature, dim=-1)
    return torch.multinomial(q, 1, generator=generator).squeeze(-1)


@wrong("lab03.sample", says="sample raised RuntimeError at a very small temperature", earns=2.5)
def sample(probs, temperature, generator):
    if temperature == 0:
        return probs.argmax(-1)
    q = probs ** (1 / temperature)
    q = q / q.sum(-1, keepdim=True)
    return torch.multinomial(q, 1, generator=generator).squeeze(-1)


@wrong("lab03.sample", says="at temperature 0: nothing can be divided by 0", earns=2.5)
def sample(probs, temperature, generator):
    q = torch.softmax(probs.log() * (1 / temperature), dim=-1)
    return torch.multinomial(q, 1, generator=generator).squeeze(-1)


@wrong("lab03.sample", says="sample raised RuntimeError at temperature 0", earns=2.5)
def sample(probs, temperature, generator):
    q = torch.softmax(probs.log() / temperature, dim=-1)
    return torch.multinomial(q, 1, generator=generator).squeeze(-1)


@wrong("lab03.sample", says="The most probable token is always taken", earns=1)
def sample(probs, temperature, generator):
    if temperature == 0:
        return probs.argmax(-1)
    q = torch.softmax(probs.log() / temperature, dim=-1)
    return q.argmax(-1)


@wrong("lab03.sample", says="A generator with the same seed gives other draws", earns=2.5)
def sample(probs, temperature, generator):
    if temperature == 0:
        return probs.argmax(-1)
    q = torch.softmax(probs.log() / temperature, dim=-1)
    return torch.multinomial(q, 1).squeeze(-1)


@wrong("lab03.sample", says="the generator is started anew in each call", earns=2.5)
def sample(probs, temperature, generator):
    if temperature == 0:
        return probs.argmax(-1)
    generator.manual_seed(0)
    q = torch.softmax(probs.log() / temperature, dim=-1)
    return torch.multinomial(q, 1, generator=generator).squeeze(-1)


@wrong("lab03.sample", says="squeeze the last axis")
def sample(probs, temperature, generator):
    if temperature == 0:
        return probs.argmax(-1)
    q = torch.softmax(probs.log() / temperature, dim=-1)
    return torch.multinomial(q, 1, generator=generator)


@wrong("lab03.sample", says="return the id that was drawn", earns=0.5)
def sample(probs, temperature, generator):
    if temperature == 0:
        return probs.argmax(-1)
    return torch.softmax(probs.log() / temperature, dim=-1)


@wrong("lab03.sample", says="All rows got the same draw")
def sample(probs, temperature, generator):
    if temperature == 0:
        return probs.argmax(-1)
    q = torch.softmax(probs.log() / temperature, dim=-1)
    u = torch.rand(1, generator=generator)
    return (q.cumsum(-1) < u).sum(-1).clamp(max=q.shape[-1] - 1)


@wrong("lab03.sample", says="All rows are drawn from the first row's probabilities")
def sample(probs, temperature, generator):
    if temperature == 0:
        return probs.argmax(-1)
    q = torch.softmax(probs.log() / temperature, dim=-1)
    return torch.multinomial(q[0], len(q), replacement=True, generator=generator)


@wrong("lab03.sample", says="A token of probability 0 was drawn")
def sample(probs, temperature, generator):
    if temperature == 0:
        return probs.argmax(-1)
    q = torch.softmax((probs + 0.01).log() / temperature, dim=-1)
    return torch.multinomial(q, 1, generator=generator).squeeze(-1)


@wrong("lab03.sample", says="sample returned a list, expected a tensor of ids", earns=0)
def sample(probs, temperature, generator):
    if temperature == 0:
        return probs.argmax(-1).tolist()
    q = torch.softmax(probs.log() / temperature, dim=-1)
    return torch.multinomial(q, 1, generator=generator).squeeze(-1).tolist()
