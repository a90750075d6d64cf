"""Hidden cases and oracles of lab01_tokenization."""

import re
import unicodedata
from collections import Counter
from itertools import combinations, pairwise
from random import Random

import regex
import tiktoken
import torch

from autograder.hidden import Oracle
from autograder.question import Case
from autograder.questions.lab01 import WORDS
from course.hub import GPT2_PATTERN

# Pieces from which random texts are made: several scripts, combining marks, emoji, code, controls.
WORDS_OF_TEXT = [
    "the", "token", "shop", "naïve", "Ärger", "e\u0301te\u0301", "中文", "词元", "हिन्दी", "שלום", "مرحبا",
    "🙂", "👩\u200d🔬", "x += 1", "def f():", "<|endoftext|>", "\x00", "ﬁ", "２", "don't", "3.14",
]  # fmt: skip


def random_text(rng: Random, n: int) -> str:
    return " ".join(rng.choice(WORDS_OF_TEXT) for _ in range(n))


# --- normalize_text


def normalize(text, endings="right", ends="right", runs="right", form="NFC", letters="right"):
    """The right answer, or with one of the switches a wrong one."""
    text = text if form is None else unicodedata.normalize(form, text)
    if endings == "right":
        text = re.sub(r"\r\n?", "\n", text)
    elif endings == "left":
        text = text.replace("\r\n", "\n")
    elif endings == "doubled":
        text = text.replace("\r", "\n")
    else:
        text = text.replace("\r", "")
    if runs == "too early":
        text = re.sub(r"\n{3,}", "\n\n", text)
    if ends == "right":
        text = re.sub(r"[ \t]+(?=\n|\Z)", "", text)
    elif ends == "both":
        text = re.sub(r"(?m)^[ \t]+|[ \t]+$", "", text)
    elif ends == "squeezed":
        text = re.sub(r"[ \t]+(?=\n|\Z)", "", text)
        text = re.sub(r"(?<=\S)[ \t]+", " ", text)
    if runs == "right":
        text = re.sub(r"\n{3,}", "\n\n", text)
    elif runs == "gone":
        text = re.sub(r"\n{2,}", "\n", text)
    if letters == "ASCII":
        text = text.encode("ascii", "ignore").decode()
    elif letters == "lower":
        text = text.lower()
    return text


NORMALIZE_MISTAKES = {
    "carriage returns left": lambda text: normalize(text, endings="left"),
    "line breaks doubled": lambda text: normalize(text, endings="doubled"),
    "line breaks lost": lambda text: normalize(text, endings="lost"),
    "trailing blanks left": lambda text: normalize(text, ends="left"),
    "indentation lost": lambda text: normalize(text, ends="both"),
    "inner blanks squeezed": lambda text: normalize(text, ends="squeezed"),
    "blank lines left": lambda text: normalize(text, runs="left"),
    "blank lines gone": lambda text: normalize(text, runs="gone"),
    "blanks after runs": lambda text: normalize(text, runs="too early"),
    "ends stripped": lambda text: normalize(text).strip(),
    "not NFC": lambda text: normalize(text, form=None),
    "NFD": lambda text: normalize(text, form="NFD"),
    "NFKC": lambda text: normalize(text, form="NFKC"),
    "ASCII only": lambda text: normalize(text, letters="ASCII"),
    "lower case": lambda text: normalize(text, letters="lower"),
}


def normalize_cases(rng: Random):
    for i in range(3):
        words = rng.sample(["alpha", "beta", "gamma", "delta", "epsilon"], 5)
        ends = [rng.choice(["\r\n", "\r", "\n"]) for _ in words]
        text = "".join(map(str.__add__, words, ends))
        yield Case(f"line endings {i}", ("line endings",), {"text": text + "a\r\nb\rc"})
        lines = [
            rng.choice(["", "  ", "\t"]) + w + rng.choice(["", " ", " \t", "   "]) for w in words
        ]
        yield Case(
            f"trailing blanks {i}", ("trailing blanks",), {"text": "  x \n" + "\n".join(lines)}
        )
        gaps = ["\n" * rng.randint(1, 6) for _ in words]
        text = "".join(map(str.__add__, words, gaps))
        yield Case(f"blank lines {i}", ("blank lines",), {"text": text + "a\n\t\n \nb"})
        letters = [w for w in WORDS_OF_TEXT if w.isprintable() and not w.startswith("<")]
        text = " ".join(rng.sample(letters, 6)) + " A\u030a Ω ﬁ"
        yield Case(f"letters {i}", ("letters",), {"text": text})


# --- corpus_stats


def corpus_stats_cases(rng: Random):
    three = ("n_tokens", "n_unique", "max_token_id")
    words = ["customer", "the", "price", "and", "a", "question", "Mara", "bicycle", "谢谢"]
    for i in range(3):
        text = " ".join(rng.choice(words) for _ in range(40))
        yield Case(f"random words {i}", three, {"text": text})
    yield Case("random scripts", ("any text",), {"text": random_text(rng, 30) + "<|endoftext|>"})


# --- count_pairs and merge


def count_pairs(ids):
    return dict(Counter(pairwise(ids)))


def count_pairs_apart(ids):
    counts, i = Counter(), 0
    while i + 1 < len(ids):
        counts[ids[i], ids[i + 1]] += 1
        overlaps = i + 2 < len(ids) and ids[i] == ids[i + 1] == ids[i + 2]
        i += 2 if overlaps else 1
    return dict(counts)


COUNT_PAIRS_MISTAKES = {
    "no overlaps": count_pairs_apart,
    "last pair missing": lambda ids: count_pairs(ids[:-1]),
    "wraps around": lambda ids: count_pairs([*ids, ids[0]]),
    "unordered": lambda ids: dict(Counter(tuple(sorted(p)) for p in pairwise(ids))),
    "every second": lambda ids: dict(Counter(zip(ids[::2], ids[1::2], strict=False))),
    "single ids": lambda ids: dict(Counter(ids)),
    "once each": lambda ids: dict.fromkeys(count_pairs(ids), 1),
    "one too few": lambda ids: {pair: n - 1 for pair, n in count_pairs(ids).items()},
    "one too many": lambda ids: {pair: n + 1 for pair, n in count_pairs(ids).items()},
    "turned round": lambda ids: {pair[::-1]: n for pair, n in count_pairs(ids).items()},
    "not neighbours": lambda ids: dict(Counter(combinations(ids, 2))),
}


def count_pairs_cases(rng: Random):
    for i in range(4):
        ids = [rng.choice([3, 8, 260]) for _ in range(rng.randint(10, 20))]
        yield Case(f"random ids {i}", ("counts",), {"ids": _without_triples(ids)})
        yield Case(f"repeats {i}", ("overlaps",), {"ids": [rng.choice([3, 8])] * rng.randint(3, 8)})


def _without_triples(ids: list[int]) -> list[int]:
    """The ids with no id three times in a row, where overlapping pairs would matter."""
    kept: list[int] = []
    for i in ids:
        if kept[-2:] != [i, i]:
            kept.append(i)
    return kept


def merge(ids, pair, new_id):
    merged = []
    for i in ids:
        merged.append(i)
        if tuple(merged[-2:]) == tuple(pair):
            merged[-2:] = [new_id]
    return merged


def merge_overlapping(ids, pair, new_id):
    merged, i = [], 0
    while i < len(ids):
        if tuple(ids[i : i + 2]) == tuple(pair):
            merged.append(new_id)
            i += 1 if tuple(ids[i + 1 : i + 3]) == tuple(pair) else 2
        else:
            merged.append(ids[i])
            i += 1
    return merged


def merge_first(ids, pair, new_id):
    for i in range(len(ids) - 1):
        if (ids[i], ids[i + 1]) == tuple(pair):
            return [*ids[:i], new_id, *ids[i + 2 :]]
    return list(ids)


def merge_second_kept(ids, pair, new_id):
    starts = [tuple(ids[i : i + 2]) == tuple(pair) for i in range(len(ids))]
    return [new_id if start else i for i, start in zip(ids, starts, strict=True)]


def merge_last_lost(ids, pair, new_id):
    merged = merge(ids, pair, new_id)
    return merged[:-1] if merged and merged[-1] != new_id else merged


def merge_walk(ids, pair, new_id, orders=1, after_merge="looks", otherwise=1):
    """The right answer, or with one of the switches a wrong one."""
    pairs = [tuple(pair), tuple(pair[::-1])][:orders]
    merged, i = [], 0
    while i < len(ids):
        if tuple(ids[i : i + 2]) in pairs:
            merged.append(new_id)
            i += 2
            if after_merge == "blind":
                merged += ids[i : i + 1]
                i += 1
        else:
            merged += ids[i : i + otherwise]
            i += otherwise
    return merged


def merge_last_twice(ids, pair, new_id):
    merged = merge(ids, pair, new_id)
    return [*merged, *ids[-1:]] if merged and merged[-1] == new_id else merged


MERGE_MISTAKES = {
    "overlapping": merge_overlapping,
    "from the right": lambda ids, pair, new_id: merge(ids[::-1], pair[::-1], new_id)[::-1],
    "last id lost": merge_last_lost,
    "first only": merge_first,
    "second kept": merge_second_kept,
    "single ids": lambda ids, pair, new_id: [new_id if i in pair else i for i in ids],
    "mirror image": lambda ids, pair, new_id: merge_walk(ids, pair, new_id, orders=2),
    "blind after a merge": lambda ids, pair, new_id: merge_walk(
        ids, pair, new_id, after_merge="blind"
    ),
    "steps of two": lambda ids, pair, new_id: merge_walk(ids, pair, new_id, otherwise=2),
    "last id twice": merge_last_twice,
    "second kept, last lost": lambda ids, pair, new_id: merge_second_kept(ids, pair, new_id)[:-1],
    "always 256": lambda ids, pair, new_id: merge(ids, pair, 256),
    "unchanged": lambda ids, pair, new_id: list(ids),
}


def merge_cases(rng: Random):
    for i in range(4):
        a, b, other = rng.sample(range(300), 3)
        ids = [rng.choice([a, b, other]) for _ in range(20)]
        yield Case(
            f"random ids {i}", ("merging",), {"ids": [*ids, b, a, b], "pair": (a, b), "new_id": 300}
        )
        ids = [rng.choice([a, a, b]) for _ in range(15)]
        yield Case(
            f"repeats {i}", ("overlap",), {"ids": [a, a, a, *ids], "pair": (a, a), "new_id": 301}
        )
        # As text, "1 2" also stands in "11 2" and in "1 25".
        ids = [10 * other + a, b, a, 10 * b + 1, a, b]
        yield Case(f"digits {i}", ("merging",), {"ids": ids, "pair": (a, b), "new_id": 300})
        yield Case(
            f"afterwards {i}", ("input kept",), {"ids": [a, b] * 3, "pair": (a, b), "new_id": 300}
        )


# --- train_bpe


def smallest(counts):
    return min(counts, key=lambda pair: (-counts[pair], pair))


def largest(counts):
    return max(counts, key=lambda pair: (counts[pair], pair))


def first_seen(counts):
    return max(counts, key=counts.get)


def last_seen(counts):
    return max(reversed(list(counts)), key=counts.get)


def train(
    text,
    vocab_size,
    best=smallest,
    units=None,
    fewest=2,
    extra=0,
    first_id=256,
    counted=count_pairs,
):
    """The right answer, or with one of the switches a wrong one."""
    ids = list(text.encode()) if units is None else units(text)
    merges = []
    for i in range(vocab_size - 256 + extra):
        counts = counted(ids)
        if not counts or counts[best(counts)] < fewest:
            break
        pair = best(counts)
        merges.append(pair)
        ids = merge(ids, pair, first_id + i)
    return merges


def train_counted_once(text, vocab_size):
    counts = count_pairs(list(text.encode()))
    ranked = sorted(counts, key=lambda pair: (-counts[pair], pair))
    return [pair for pair in ranked if counts[pair] > 1][: vocab_size - 256]


def train_one_new_id(text, vocab_size):
    ids, merges = list(text.encode()), []
    for _ in range(vocab_size - 256):
        counts = count_pairs(ids)
        if not counts or max(counts.values()) < 2:
            break
        merges.append(smallest(counts))
        ids = merge(ids, merges[-1], 256)
    return merges


def train_nothing_merged(text, vocab_size):
    counts = count_pairs(list(text.encode()))
    if not counts or max(counts.values()) < 2:
        return []
    return [smallest(counts)] * (vocab_size - 256)


def train_words(text, vocab_size, pattern=r"\S+"):
    words = [list(word.encode()) for word in regex.findall(pattern, text)]
    merges = []
    for i in range(vocab_size - 256):
        counts = sum((Counter(count_pairs(word)) for word in words), Counter())
        if not counts or max(counts.values()) < 2:
            break
        merges.append(smallest(counts))
        words = [merge(word, merges[-1], 256 + i) for word in words]
    return merges


def first_id_only(counts):
    return max(counts, key=lambda pair: (counts[pair], -pair[0]))


def train_without_new_tokens(text, vocab_size):
    def only_bytes(ids):
        return {pair: n for pair, n in count_pairs(ids).items() if max(pair) < 256}

    return train(text, vocab_size, counted=only_bytes)


TRAIN_MISTAKES = {
    "ties by the largest": lambda text, size: train(text, size, best=largest),
    "ties by the first seen": lambda text, size: train(text, size, best=first_seen),
    "ties by the last seen": lambda text, size: train(text, size, best=last_seen),
    "characters": lambda text, size: train(text, size, units=lambda t: [ord(c) for c in t]),
    "never stops": lambda text, size: train(text, size, fewest=1),
    "vocab_size merges": lambda text, size: train(text, size, extra=256),
    "one merge short": lambda text, size: train(text, size, extra=-1),
    "one merge too many": lambda text, size: train(text, size, extra=1),
    "ids from 255": lambda text, size: train(text, size, first_id=255),
    "ids from 257": lambda text, size: train(text, size, first_id=257),
    "all counted once": train_counted_once,
    "no new tokens": train_without_new_tokens,
    "new ids first": train_one_new_id,
    "nothing merged": train_nothing_merged,
    "stops at two": lambda text, size: train(text, size, fewest=3),
    "words": train_words,
    "ties by the first id": lambda text, size: train(text, size, best=first_id_only),
    "non-overlapping counts": lambda text, size: train(text, size, counted=count_pairs_apart),
}


def has_tie(text, vocab_size) -> bool:
    """Whether the order of the text, or a rule for ties, could change what is learned."""
    right = train(text, vocab_size)
    return any(
        train(text, vocab_size, best=best) != right for best in (largest, first_seen, last_seen)
    )


def nested_words(rng: Random) -> str:
    """Words like `shop`, `hop` and `op`, which make three merges in a clear order, and seldom a tie."""
    word = "".join(rng.sample("abcdefghijklmnopqrstuvwxyz", 4))
    words = [word[start:] for start in (0, 1, 2) for _ in range(rng.randint(3, 9))]
    rng.shuffle(words)
    return "".join(w + rng.choice(" ,.;:!?\n-") for w in words)


def train_cases(rng: Random):
    texts = (nested_words(rng) for _ in range(100))
    clear = [text for text in texts if not has_tie(text, 259)][:3]
    for i, text in enumerate(clear):
        yield Case(f"random words {i}", ("merges",), {"text": text, "vocab_size": 259})
    for i in range(2):
        word, sign = rng.choice(["语言", "模型", "词元"]), rng.choice("éüñ")
        text = f"{word}{sign}{word}{word}{sign}{word}" * 2
        yield Case(f"scripts {i}", ("bytes",), {"text": text, "vocab_size": 264})
        a, b, c, d = rng.sample("abcdefghijklm", 4)
        # Three pairs stand twice: the smallest, the first and the largest differ.
        smaller, middle, larger = sorted([a, b, c])
        text = f"{middle}{d},{larger}{d}.{smaller}{d};{middle}{d}!{larger}{d}?{smaller}{d}"
        yield Case(f"tie {i}", ("ties",), {"text": text, "vocab_size": 260})
        text = f"{d}{larger},{d}{smaller}.{d}{larger};{d}{smaller}"
        yield Case(f"one first id {i}", ("ties",), {"text": text, "vocab_size": 257})
        text = "".join(rng.sample("abcdefghijklmnopqrstuvwxyz", 12))
        yield Case(f"nothing repeats {i}", ("stop",), {"text": text, "vocab_size": 290})
        yield Case(f"short text {i}", ("stop",), {"text": text[:3] * 3, "vocab_size": 290})
    yield Case("far too small", ("refusal",), {"text": "abab", "vocab_size": rng.randint(0, 255)})


# --- encode and decode


def encode(text, merges, units=None, first_id=256):
    ids = list(text.encode()) if units is None else units(text)
    for i, pair in enumerate(merges):
        ids = merge(ids, pair, first_id + i)
    return ids


def spellings(merges) -> dict[int, bytes]:
    """The bytes of every id."""
    table = {i: bytes([i]) for i in range(256)}
    for i, (a, b) in enumerate(merges):
        table[256 + i] = table[a] + table[b]
    return table


def encode_reversed(text, merges):
    ids = list(text.encode())
    for i in reversed(range(len(merges))):
        ids = merge(ids, merges[i], 256 + i)
    return ids


def encode_longest(text, merges):
    table = {token: i for i, token in spellings(merges).items()}
    data, ids = text.encode(), []
    while data:
        size = next(n for n in range(len(data), 0, -1) if data[:n] in table)
        ids.append(table[data[:size]])
        data = data[size:]
    return ids


def encode_one_pass(text, merges):
    rank = {pair: 256 + i for i, pair in enumerate(merges)}
    ids = []
    for i in text.encode():
        if ids and (ids[-1], i) in rank:
            ids[-1] = rank[ids[-1], i]
        else:
            ids.append(i)
    return ids


def encode_first_only(text, merges):
    ids = list(text.encode())
    for i, pair in enumerate(merges):
        ids = merge_first(ids, pair, 256 + i)
    return ids


def encode_picking(choose):
    """Merges the pair that `choose(known pairs with their counts, ids of pairs)` picks, until none is known."""

    def encode_so(text, merges):
        rank = {pair: 256 + i for i, pair in enumerate(merges)}
        ids = list(text.encode())
        while known := {p: n for p, n in count_pairs(ids).items() if p in rank}:
            pair = choose(known, rank)
            ids = merge(ids, pair, rank[pair])
        return ids

    return encode_so


def encode_leftmost(text, merges, passes=10**6):
    """Passes from the left that merge whatever pair is known, each on what the last one left."""
    rank = {pair: 256 + i for i, pair in enumerate(merges)}
    ids, before = list(text.encode()), None
    while ids != before and passes:
        passes -= 1
        before, ids, i = ids, [], 0
        while i < len(before):
            pair = tuple(before[i : i + 2])
            ids.append(rank.get(pair, before[i]))
            i += 2 if pair in rank else 1
    return ids


def encode_words(text, merges):
    return [i for word in regex.findall(r" ?\S+|\s+", text) for i in encode(word, merges)]


ENCODE_MISTAKES = {
    "most frequent first": encode_picking(lambda known, rank: max(known, key=known.get)),
    "last learned first": encode_picking(lambda known, rank: max(known, key=rank.get)),
    "leftmost first": encode_leftmost,
    "one glance": lambda text, merges: encode_leftmost(text, merges, passes=1),
    "words": encode_words,
    "ids from 0": lambda text, merges: encode(text, merges, first_id=0),
    "reverse order": encode_reversed,
    "longest match": encode_longest,
    "characters": lambda text, merges: encode(text, merges, units=lambda t: [ord(c) for c in t]),
    "no merges": lambda text, merges: list(text.encode()),
    "first merge only": encode_first_only,
    "ids from 255": lambda text, merges: encode(text, merges, first_id=255),
    "ids from 257": lambda text, merges: encode(text, merges, first_id=257),
    "one pass": encode_one_pass,
    "last merge forgotten": lambda text, merges: encode(text, merges[:-1]),
    "trained again": lambda text, merges: encode(text, train(text, 256 + len(merges))),
}

LEARN_FROM = (
    "the theatre in the north, then the others; 中文词元 中文 🙂🙂 shop shops chop naïve naïve"
)


def encode_cases(rng: Random):
    merges = train(LEARN_FROM, 290)
    for i in range(3):
        words = rng.choices(["the", "theatre", "north", "other", "shops", "thin", "heath"], k=8)
        yield Case(f"random words {i}", ("order",), {"text": " ".join(words), "merges": merges})
        yield Case(
            f"random scripts {i}",
            ("nothing lost",),
            {"text": random_text(rng, 8), "merges": merges},
        )
        text = "".join(rng.choices("🙂中文词元ïé\u0301", k=8))
        yield Case(f"several bytes {i}", ("bytes",), {"text": text, "merges": merges})


def decode(ids, merges, errors="replace"):
    table = spellings(merges)
    return b"".join(table[i] for i in ids).decode("utf-8", errors=errors)


def decode_one_level(ids, merges):
    data = b""
    for i in ids:
        parts = [i] if i < 256 else merges[i - 256]
        data += bytes(part % 256 for part in parts)
    return data.decode("utf-8", errors="replace")


def decode_swapped(ids, merges):
    return decode(ids, [pair[::-1] for pair in merges])


def decode_each(ids, merges):
    table = spellings(merges)
    return "".join(table[i].decode("utf-8", errors="replace") for i in ids)


def decode_latin1(ids, merges):
    table = spellings(merges)
    return b"".join(table[i] for i in ids).decode("latin-1")


def decode_all_or_nothing(ids, merges):
    try:
        return decode(ids, merges, errors="strict")
    except UnicodeDecodeError:
        return ""


DECODE_MISTAKES = {
    "byte by byte": lambda ids, merges: decode_each(
        b"".join(spellings(merges)[i] for i in ids), merges
    ),
    "all or nothing": decode_all_or_nothing,
    "str of bytes": lambda ids, merges: str(b"".join(spellings(merges)[i] for i in ids)),
    "stripped": lambda ids, merges: decode(ids, merges).strip(),
    "ignored": lambda ids, merges: decode(ids, merges, errors="ignore"),
    "token by token": decode_each,
    "Latin-1": decode_latin1,
    "bytes only": lambda ids, merges: decode([i for i in ids if i < 256], merges),
    "one level": decode_one_level,
    "parts swapped": decode_swapped,
    "bytes": lambda ids, merges: b"".join(spellings(merges)[i] for i in ids),
    "backslashes": lambda ids, merges: decode(ids, merges, errors="backslashreplace"),
    "surrogates": lambda ids, merges: decode(ids, merges, errors="surrogateescape"),
    "ids from 257": lambda ids, merges: decode([i - 1 if i > 256 else i for i in ids], merges),
}


def decode_cases(rng: Random):
    merges = train(LEARN_FROM, 290)
    for i in range(3):
        words = " " + " ".join(rng.choices(["the", "theatre", "north", "shops"], k=6)) + "\n"
        yield Case(f"random words {i}", ("text",), {"ids": encode(words, merges), "merges": merges})
        text = "".join(rng.choices("🙂中文词元ï", k=8)) + random_text(rng, 4)
        ids = encode(text, merges)
        yield Case(f"random scripts {i}", ("split characters",), {"ids": ids, "merges": merges})
        broken = [rng.randint(128, 255) for _ in range(4)]
        ids = [104, *broken, 105, 240, 159]
        yield Case(f"random bytes {i}", ("broken bytes",), {"ids": ids, "merges": merges})


# --- to_tiktoken


def tiktoken_ids(merges, pattern, special_tokens, text, spell=encode):
    return [i for piece in regex.findall(pattern, text) for i in spell(piece, merges)]


def tiktoken_by_rank(rank_of_merge):
    """The ids that tiktoken gives when merge i of n got the rank `rank_of_merge(i, n)`."""

    def ids(merges, pattern, special_tokens, text):
        table = spellings(merges)
        ranks = {table[i]: i for i in range(256)}
        ranks |= {table[256 + i]: rank_of_merge(i, len(merges)) for i in range(len(merges))}
        encoding = tiktoken.Encoding(
            "wrong", pat_str=pattern, mergeable_ranks=ranks, special_tokens={}
        )
        return encoding.encode_ordinary(text)

    return ids


def tiktoken_parts_swapped(merges, pattern, special_tokens, text):
    turned = spellings([pair[::-1] for pair in merges])
    ranks = {token: i for i, token in turned.items()}
    encoding = tiktoken.Encoding("x", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
    return encoding.encode_ordinary(text)


TO_TIKTOKEN_MISTAKES = {
    "ranks from 257": tiktoken_by_rank(lambda i, n: 257 + i),
    "no merges": lambda merges, pattern, special, text: list(text.encode()),
    "ranks reversed": tiktoken_by_rank(lambda i, n: 255 + n - i),
    "no cuts": lambda merges, pattern, special, text: encode(text, merges),
    "another pattern": lambda merges, pattern, special, text: tiktoken_ids(
        merges, GPT2_PATTERN, special, text
    ),
    "parts swapped": tiktoken_parts_swapped,
}


def to_tiktoken_cases(rng: Random):
    merges = train(LEARN_FROM, 290)
    special = {"<|endoftext|>": 290, "<|im_start|>": 292 + rng.randint(0, 9)}
    plain = {"merges": merges, "pattern": WORDS, "special_tokens": special}
    for i in range(3):
        yield Case(f"random scripts {i}", ("ids",), plain | {"text": random_text(rng, 10)})
        words = " ".join(rng.choices(["the", "in", "north", "then", "shop"], k=10))
        yield Case(
            f"random words {i}", ("pattern",), plain | {"pattern": r"\w+|\s+", "text": words}
        )
    text = rng.choice(["shop<|endoftext|>the", "<|endoftext|>", "the <|im_start|>shop"])
    whole = plain | {"pattern": r"\s?[a-z]+|<\S+>|.", "text": text}
    yield Case("special tokens", ("special tokens",), whole)


# --- pad_batch


def pad(sequences, pad_id, side, width=None, mask_of=None, mask_side=None):
    if not sequences:
        return None
    width = max(map(len, sequences)) if width is None else width

    def rows(values, filler, where):
        gaps = [[filler] * (width - len(row)) for row in values]
        both = zip(values, gaps, strict=True)
        return torch.tensor(
            [
                [*row, *gap][:width] if where == "right" else [*gap, *row][-width:]
                for row, gap in both
            ],
            dtype=torch.long,
        ).reshape(len(values), width)

    mask = rows([[1] * len(row) for row in sequences], 0, mask_side or side)
    input_ids = rows(sequences, pad_id, side)
    return (input_ids, mask if mask_of is None else mask_of(input_ids, mask))


def other(side):
    return "left" if side == "right" else "right"


PAD_MISTAKES = {
    "always right": lambda s, p, side: pad(s, p, "right"),
    "always left": lambda s, p, side: pad(s, p, "left"),
    "sides swapped": lambda s, p, side: pad(s, p, other(side)),
    "wrong pad": lambda s, p, side: pad(s, p + 1 if p == 0 else 0, side),
    "cut to the shortest": lambda s, p, side: pad(s, p, "right", width=min(map(len, s))),
    "reversed": lambda s, p, side: pad([row[::-1] for row in s], p, side),
    "mask from ids": lambda s, p, side: pad(
        s, p, side, mask_of=lambda ids, mask: (ids != p).long()
    ),
    "mask inverted": lambda s, p, side: pad(s, p, side, mask_of=lambda ids, mask: 1 - mask),
    "mask all ones": lambda s, p, side: pad(s, p, side, mask_of=lambda ids, mask: mask * 0 + 1),
    "mask on the other side": lambda s, p, side: pad(s, p, side, mask_side=other(side)),
    "results swapped": lambda s, p, side: pad(s, p, side)[::-1],
    "mask padded with pad_id": lambda s, p, side: pad(
        s, p, side, mask_of=lambda ids, mask: mask + p * (1 - mask)
    ),
    "batch second": lambda s, p, side: tuple(part.T for part in pad(s, p, side)),
    "rows moved": lambda s, p, side: pad(sorted(s, key=len, reverse=True), p, side),
    "one column too many": lambda s, p, side: pad(s, p, side, width=max(map(len, s)) + 1),
}


def pad_cases(rng: Random):
    for i in range(3):
        pad_id = rng.choice([1, 7, 50256])
        lengths = rng.sample(range(1, 9), 4)
        sequences = [[rng.randint(10, 99) for _ in range(n)] for n in lengths]
        batch = {"sequences": sequences, "pad_id": pad_id}
        yield Case(f"random rows, right {i}", ("right side",), batch | {"side": "right"})
        yield Case(f"random rows, left {i}", ("left side",), batch | {"side": "left"})
        batch = {"sequences": [[*row, pad_id] for row in sequences], "pad_id": pad_id}
        yield Case(f"ends with pad_id, right {i}", ("mask",), batch | {"side": "right"})
        yield Case(f"ends with pad_id, left {i}", ("mask",), batch | {"side": "left"})
        yield Case(f"types {i}", ("dtype",), batch | {"side": rng.choice(["left", "right"])})


ORACLES = {
    "normalize_text": Oracle(normalize_cases, normalize, NORMALIZE_MISTAKES),
    "corpus_stats": Oracle(corpus_stats_cases),
    "count_pairs": Oracle(count_pairs_cases, count_pairs, COUNT_PAIRS_MISTAKES),
    "merge": Oracle(merge_cases, merge, MERGE_MISTAKES),
    "train_bpe": Oracle(train_cases, train, TRAIN_MISTAKES),
    "encode": Oracle(encode_cases, encode, ENCODE_MISTAKES),
    "decode": Oracle(decode_cases, decode, DECODE_MISTAKES),
    "to_tiktoken": Oracle(to_tiktoken_cases, tiktoken_ids, TO_TIKTOKEN_MISTAKES),
    "pad_batch": Oracle(pad_cases, pad, PAD_MISTAKES),
    "leading_space": Oracle(lambda rng: ()),
}
