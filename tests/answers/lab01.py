"""Answers to lab01_tokenization, right and wrong."""

from tests.bank import right, wrong

# --- normalize_text


@right("lab01.normalize_text", way="three regular expressions")
def normalize_text(text):
    import re

    text = unicodedata.normalize("NFC", text)
    text = re.sub(r"\r\n?", "\n", text)
    text = re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)
    return re.sub(r"\n\n\n+", "\n\n", text)


@right("lab01.normalize_text", way="universal newlines of io, replace until nothing changes")
def normalize_text(text):
    import io

    text = io.StringIO(unicodedata.normalize("NFC", text), newline=None).read()
    text = "\n".join(line.rstrip(" \t") for line in text.split("\n"))
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    return text


@right("lab01.normalize_text", way="the regex module")
def normalize_text(text):
    import regex

    text = regex.sub(r"\r\n|\r", "\n", unicodedata.normalize("NFC", text))
    text = regex.sub(r"\h+(?=\n|\Z)", "", text)
    return regex.sub(r"(?<=\n\n)\n+", "", text)


@right("lab01.normalize_text", way="character by character")
def normalize_text(text):
    out = ""
    for i, c in enumerate(text):
        if c == "\n" and i > 0 and text[i - 1] == "\r":
            continue
        if c in "\r\n":
            out = out.rstrip(" \t")
            if not out.endswith("\n\n"):
                out += "\n"
        else:
            out += c
    return unicodedata.normalize("NFC", out.rstrip(" \t"))


@wrong("lab01.normalize_text", says="A carriage return (\\r) is still in the text", earns=1.5)
def normalize_text(text):
    import re

    text = unicodedata.normalize("NFC", text).replace("\r\n", "\n")
    text = "\n".join(line.rstrip(" \t") for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", text)


@wrong("lab01.normalize_text", says="\\r\\n has become two line breaks", earns=1.5)
def normalize_text(text):
    import re

    text = unicodedata.normalize("NFC", text)
    text = text.replace("\r", "\n").replace("\r\n", "\n")
    text = "\n".join(line.rstrip(" \t") for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", text)


@wrong("lab01.normalize_text", says="A lone \\r was deleted", earns=1.5)
def normalize_text(text):
    import re

    text = unicodedata.normalize("NFC", text).replace("\r", "")
    text = "\n".join(line.rstrip(" \t") for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", text)


@wrong("lab01.normalize_text", says="A line still ends with a space or a tab")
def normalize_text(text):
    import re

    text = unicodedata.normalize("NFC", text)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = text.rstrip(" \t")
    return re.sub(r"\n{3,}", "\n\n", text)


@wrong("lab01.normalize_text", says="they are its indentation", earns=1.5)
def normalize_text(text):
    import re

    text = unicodedata.normalize("NFC", text)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = "\n".join(line.strip() for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", text)


@wrong("lab01.normalize_text", says="More than one blank line in a row is left", earns=1.5)
def normalize_text(text):
    text = unicodedata.normalize("NFC", text)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = "\n".join(line.rstrip(" \t") for line in text.split("\n"))
    return text.replace(r"\n{3,}", "\n\n")


@wrong("lab01.normalize_text", says="All blank lines are gone", earns=1.5)
def normalize_text(text):
    import re

    text = unicodedata.normalize("NFC", text)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = "\n".join(line.rstrip(" \t") for line in text.split("\n"))
    return re.sub(r"\n+", "\n", text)


@wrong("lab01.normalize_text", says="before you count blank lines", earns=1.5)
def normalize_text(text):
    import re

    text = unicodedata.normalize("NFC", text)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = re.sub(r"\n{3,}", "\n\n", text)
    return "\n".join(line.rstrip(" \t") for line in text.split("\n"))


@wrong("lab01.normalize_text", says="line breaks at the two ends of the text are gone")
def normalize_text(text):
    import re

    text = unicodedata.normalize("NFC", text)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = "\n".join(line.rstrip(" \t") for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", text).strip()


@wrong("lab01.normalize_text", says="line breaks at the two ends of the text are gone")
def normalize_text(text):
    import re

    lines = unicodedata.normalize("NFC", text).splitlines()
    text = "\n".join(line.rstrip(" \t") for line in lines)
    return re.sub(r"\n{3,}", "\n\n", text)


@wrong("lab01.normalize_text", says="The text is not in NFC", earns=1.5)
def normalize_text(text):
    import re

    unicodedata.normalize("NFC", text)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = "\n".join(line.rstrip(" \t") for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", text)


@wrong("lab01.normalize_text", says="NFKC was used", earns=1.5)
def normalize_text(text):
    import re

    text = unicodedata.normalize("NFKC", text)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = "\n".join(line.rstrip(" \t") for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", text)


@wrong("lab01.normalize_text", says="decomposed (NFD)", earns=1.5)
def normalize_text(text):
    import re

    text = unicodedata.normalize("NFD", text)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = "\n".join(line.rstrip(" \t") for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", text)


@wrong("lab01.normalize_text", says="Letters outside ASCII are lost", earns=1.5)
def normalize_text(text):
    import re

    text = unicodedata.normalize("NFC", text)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = "\n".join(line.rstrip(" \t") for line in text.split("\n"))
    text = re.sub(r"\n{3,}", "\n\n", text)
    return text.encode("ascii", errors="ignore").decode("ascii")


@wrong("lab01.normalize_text", says="every letter of every script must survive", earns=1.5)
def normalize_text(text):
    import re

    text = unicodedata.normalize("NFD", text)
    text = "".join(c for c in text if not unicodedata.combining(c))
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = "\n".join(line.rstrip(" \t") for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", text)


@wrong("lab01.normalize_text", says="Capital letters became small", earns=1.5)
def normalize_text(text):
    import re

    text = unicodedata.normalize("NFC", text).lower()
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = "\n".join(line.rstrip(" \t") for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", text)


@wrong("lab01.normalize_text", says="returned a list, expected a str", earns=0)
def normalize_text(text):
    text = unicodedata.normalize("NFC", text)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return [line.rstrip(" \t") for line in text.split("\n")]


@wrong("lab01.normalize_text", says="forget a return", earns=0)
def normalize_text(text):
    import re

    text = unicodedata.normalize("NFC", text)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = "\n".join(line.rstrip(" \t") for line in text.split("\n"))
    text = re.sub(r"\n{3,}", "\n\n", text)


@wrong("lab01.normalize_text", says="raised ValueError: invalid normalization form", earns=0)
def normalize_text(text):
    import re

    text = unicodedata.normalize(text, "NFC")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = "\n".join(line.rstrip(" \t") for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", text)


@wrong("lab01.normalize_text", says="Blanks inside a line were squeezed together")
def normalize_text(text):
    import re

    text = unicodedata.normalize("NFC", text)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = "\n".join(" ".join(line.split()) for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", text)


@wrong("lab01.normalize_text", says="More than one blank line in a row is left", earns=1.5)
def normalize_text(text):
    text = unicodedata.normalize("NFC", text)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = "\n".join(line.rstrip(" \t") for line in text.split("\n"))
    return text.replace("\n\n\n", "\n\n")


@wrong("lab01.normalize_text", says="A line still ends with a space or a tab")
def normalize_text(text):
    import re

    text = unicodedata.normalize("NFC", text)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = re.sub(r"[ \t]+\n", "\n", text)
    return re.sub(r"\n{3,}", "\n\n", text)


# --- corpus_stats


@right("lab01.corpus_stats", way="encode with nothing disallowed")
def corpus_stats(text, encoding):
    ids = encoding.encode(text, disallowed_special=())
    return dict(
        n_tokens=len(ids),
        n_unique=len(set(ids)),
        max_token_id=max(ids) if ids else None,
    )


@right("lab01.corpus_stats", way="a Counter")
def corpus_stats(text, encoding):
    from collections import Counter

    counts = Counter(encoding.encode_ordinary(text))
    return {
        "n_tokens": sum(counts.values()),
        "n_unique": len(counts),
        "max_token_id": max(counts, default=None),
    }


@right("lab01.corpus_stats", way="one loop")
def corpus_stats(text, encoding):
    seen, n_tokens, largest = set(), 0, None
    for i in encoding.encode_ordinary(text):
        n_tokens += 1
        seen.add(i)
        if largest is None or i > largest:
            largest = i
    return {"n_tokens": n_tokens, "n_unique": len(seen), "max_token_id": largest}


@right("lab01.corpus_stats", way="numpy, turned into int")
def corpus_stats(text, encoding):
    import numpy as np

    ids = encoding.encode_to_numpy(text, disallowed_special=())
    largest = int(ids.max()) if ids.size else None
    return {"n_tokens": ids.size, "n_unique": np.unique(ids).size, "max_token_id": largest}


@right("lab01.corpus_stats", way="sorted ids, an early return for the empty text")
def corpus_stats(text, encoding):
    ids = sorted(encoding.encode_ordinary(text))
    if not ids:
        return {"n_tokens": 0, "n_unique": 0, "max_token_id": None}
    n_unique = 1 + sum(a != b for a, b in zip(ids, ids[1:]))
    return {"max_token_id": ids[-1], "n_unique": n_unique, "n_tokens": len(ids)}


@wrong("lab01.corpus_stats", says="disallowed special token", earns=0.75)
def corpus_stats(text, encoding):
    ids = encoding.encode(text)
    return {
        "n_tokens": len(ids),
        "n_unique": len(set(ids)),
        "max_token_id": max(ids, default=None),
    }


@wrong("lab01.corpus_stats", says="raised ValueError", earns=0.75)
def corpus_stats(text, encoding):
    ids = encoding.encode_ordinary(text)
    return {"n_tokens": len(ids), "n_unique": len(set(ids)), "max_token_id": max(ids)}


@wrong("lab01.corpus_stats", says="max_token_id of a text without tokens is None", earns=0.75)
def corpus_stats(text, encoding):
    ids = encoding.encode_ordinary(text)
    return {
        "n_tokens": len(ids),
        "n_unique": len(set(ids)),
        "max_token_id": max(ids, default=0),
    }


@wrong("lab01.corpus_stats", says="n_unique counts every token", earns=0.5)
def corpus_stats(text, encoding):
    ids = encoding.encode_ordinary(text)
    return {
        "n_tokens": len(ids),
        "n_unique": len(list(ids)),
        "max_token_id": max(ids, default=None),
    }


@wrong("lab01.corpus_stats", says="n_unique counts different words", earns=0.5)
def corpus_stats(text, encoding):
    ids = encoding.encode_ordinary(text)
    return {
        "n_tokens": len(ids),
        "n_unique": len(set(text.split())),
        "max_token_id": max(ids, default=None),
    }


@wrong("lab01.corpus_stats", says="n_unique is the size of the whole vocabulary", earns=0.5)
def corpus_stats(text, encoding):
    ids = encoding.encode_ordinary(text)
    return {
        "n_tokens": len(ids),
        "n_unique": encoding.n_vocab,
        "max_token_id": max(ids, default=None),
    }


@wrong("lab01.corpus_stats", says="max_token_id is the vocabulary's size", earns=0.5)
def corpus_stats(text, encoding):
    ids = encoding.encode_ordinary(text)
    return {"n_tokens": len(ids), "n_unique": len(set(ids)), "max_token_id": encoding.n_vocab}


@wrong("lab01.corpus_stats", says="the largest id of the whole vocabulary", earns=0.5)
def corpus_stats(text, encoding):
    ids = encoding.encode_ordinary(text)
    return {
        "n_tokens": len(ids),
        "n_unique": len(set(ids)),
        "max_token_id": encoding.max_token_value,
    }


@wrong("lab01.corpus_stats", says="max_token_id is the last id of the text", earns=0.5)
def corpus_stats(text, encoding):
    ids = encoding.encode_ordinary(text)
    return {
        "n_tokens": len(ids),
        "n_unique": len(set(ids)),
        "max_token_id": ids[-1] if ids else None,
    }


@wrong("lab01.corpus_stats", says="n_tokens counts each different id once", earns=0.5)
def corpus_stats(text, encoding):
    ids = set(encoding.encode_ordinary(text))
    return {"n_tokens": len(ids), "n_unique": len(ids), "max_token_id": max(ids, default=None)}


@wrong("lab01.corpus_stats", says="The dictionary has no key 'max_token_id'", earns=0.5)
def corpus_stats(text, encoding):
    ids = encoding.encode_ordinary(text)
    return {"n_tokens": len(ids), "n_unique": len(set(ids)), "max_id": max(ids, default=None)}


@wrong("lab01.corpus_stats", says="returned a tuple, expected a dict", earns=0)
def corpus_stats(text, encoding):
    ids = encoding.encode_ordinary(text)
    return len(ids), len(set(ids)), max(ids, default=None)


@wrong("lab01.corpus_stats", says="forget a return", earns=0)
def corpus_stats(text, encoding):
    ids = encoding.encode_ordinary(text)
    stats = {"n_tokens": len(ids), "n_unique": len(set(ids))}
    stats["max_token_id"] = max(ids, default=None)


@wrong(
    "lab01.corpus_stats", says="The name of a special token in the text became one id", earns=0.75
)
def corpus_stats(text, encoding):
    ids = encoding.encode(text, allowed_special="all")
    return {
        "n_tokens": len(ids),
        "n_unique": len(set(ids)),
        "max_token_id": max(ids, default=None),
    }


@wrong("lab01.corpus_stats", says="n_tokens counts characters", earns=0.5)
def corpus_stats(text, encoding):
    ids = encoding.encode_ordinary(text)
    return {
        "n_tokens": len(text),
        "n_unique": len(set(ids)),
        "max_token_id": max(ids, default=None),
    }


# --- count_pairs


@right("lab01.count_pairs", way="a Counter of zip")
def count_pairs(ids):
    from collections import Counter

    return Counter(zip(ids, ids[1:]))


@right("lab01.count_pairs", way="a defaultdict and indices")
def count_pairs(ids):
    from collections import defaultdict

    counts = defaultdict(int)
    for i in range(len(ids) - 1):
        counts[ids[i], ids[i + 1]] += 1
    return counts


@right("lab01.count_pairs", way="minBPE's get_stats, which can add to counts")
def count_pairs(ids: list[int], counts: dict | None = None) -> dict:
    counts = {} if counts is None else counts
    for pair in zip(ids, ids[1:]):
        counts[pair] = counts.get(pair, 0) + 1
    return counts


@right("lab01.count_pairs", way="sorted pairs in groups")
def count_pairs(ids):
    from itertools import groupby, pairwise

    return {pair: len(list(group)) for pair, group in groupby(sorted(pairwise(ids)))}


@right("lab01.count_pairs", way="list.count")
def count_pairs(ids):
    pairs = [tuple(ids[i : i + 2]) for i in range(len(ids) - 1)]
    return {pair: pairs.count(pair) for pair in set(pairs)}


@right("lab01.count_pairs", way="recursion")
def count_pairs(ids):
    if len(ids) < 2:
        return {}
    counts = count_pairs(ids[1:])
    pair = ids[0], ids[1]
    return {**counts, pair: counts.get(pair, 0) + 1}


@wrong("lab01.count_pairs", says="raised IndexError: list index out of range", earns=0)
def count_pairs(ids):
    counts = {}
    for i in range(len(ids)):
        pair = (ids[i], ids[i + 1])
        counts[pair] = counts.get(pair, 0) + 1
    return counts


@wrong("lab01.count_pairs", says="a list of n ids has n - 1 pairs", earns=0)
def count_pairs(ids):
    counts = {}
    for i in range(len(ids) - 2):
        pair = (ids[i], ids[i + 1])
        counts[pair] = counts.get(pair, 0) + 1
    return counts


@wrong("lab01.count_pairs", says="the list is a line and not a ring", earns=0)
def count_pairs(ids):
    counts = {}
    for i in range(len(ids)):
        pair = (ids[i - 1], ids[i])
        counts[pair] = counts.get(pair, 0) + 1
    return counts


@wrong("lab01.count_pairs", says="each id but the last begins a pair", earns=0)
def count_pairs(ids):
    counts = {}
    i = 0
    while i < len(ids) - 1:
        pair = (ids[i], ids[i + 1])
        counts[pair] = counts.get(pair, 0) + 1
        i += 2
    return counts


@wrong("lab01.count_pairs", says="Overlapping pairs are counted once", earns=0.75)
def count_pairs(ids):
    counts = {}
    last = None
    for pair in zip(ids, ids[1:]):
        if pair == last:
            last = None
        else:
            counts[pair] = counts.get(pair, 0) + 1
            last = pair
    return counts


@wrong("lab01.count_pairs", says="(1, 2) is not (2, 1)", earns=0.25)
def count_pairs(ids):
    counts = {}
    for a, b in zip(ids, ids[1:]):
        pair = (min(a, b), max(a, b))
        counts[pair] = counts.get(pair, 0) + 1
    return counts


@wrong("lab01.count_pairs", says="add one each time the pair is seen", earns=0)
def count_pairs(ids):
    counts = {}
    for pair in zip(ids, ids[1:]):
        counts[pair] = 1
    return counts


@wrong("lab01.count_pairs", says="Single ids are counted", earns=0)
def count_pairs(ids):
    from collections import Counter

    return Counter(ids)


@wrong(
    "lab01.count_pairs", says="The keys must be pairs (tuples of two ids); one is a str", earns=0
)
def count_pairs(ids):
    counts = {}
    for a, b in zip(ids, ids[1:]):
        key = f"{a},{b}"
        counts[key] = counts.get(key, 0) + 1
    return counts


@wrong("lab01.count_pairs", says="returned a list, expected a dict", earns=0)
def count_pairs(ids):
    from collections import Counter

    return Counter(zip(ids, ids[1:])).most_common()


@wrong("lab01.count_pairs", says="raised TypeError: unhashable type: 'list'", earns=0)
def count_pairs(ids):
    counts = {}
    for i in range(len(ids) - 1):
        pair = ids[i : i + 2]
        counts[pair] = counts.get(pair, 0) + 1
    return counts


@wrong("lab01.count_pairs", says="raised KeyError", earns=0)
def count_pairs(ids):
    counts = {}
    for pair in zip(ids, ids[1:]):
        counts[pair] += 1
    return counts


@wrong("lab01.count_pairs", says="forget a return", earns=0.75)
def count_pairs(ids):
    if len(ids) < 2:
        return
    counts = {}
    for pair in zip(ids, ids[1:]):
        counts[pair] = counts.get(pair, 0) + 1
    return counts


@wrong("lab01.count_pairs", says="Every count is one too low", earns=0)
def count_pairs(ids):
    counts = {}
    for pair in zip(ids, ids[1:]):
        if pair in counts:
            counts[pair] += 1
        else:
            counts[pair] = 0
    return counts


@wrong("lab01.count_pairs", says="one is a frozenset", earns=0)
def count_pairs(ids):
    counts = {}
    for a, b in zip(ids, ids[1:]):
        pair = frozenset([a, b])
        counts[pair] = counts.get(pair, 0) + 1
    return counts


# --- merge


@right("lab01.merge", way="a stack")
def merge(ids, pair, new_id):
    merged = []
    for i in ids:
        if merged and (merged[-1], i) == pair:
            merged[-1] = new_id
        else:
            merged.append(i)
    return merged


@right("lab01.merge", way="recursion")
def merge(ids, pair, new_id):
    if len(ids) < 2:
        return ids[:]
    if (ids[0], ids[1]) == pair:
        return [new_id] + merge(ids[2:], pair, new_id)
    return ids[:1] + merge(ids[1:], pair, new_id)


@right("lab01.merge", way="minBPE's index loop")
def merge(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    newids = []
    i = 0
    while i < len(ids):
        if ids[i] == pair[0] and i < len(ids) - 1 and ids[i + 1] == pair[1]:
            newids.append(new_id)
            i += 2
        else:
            newids.append(ids[i])
            i += 1
    return newids


@right("lab01.merge", way="a copy, changed in place")
def merge(ids, pair, new_id):
    ids = list(ids)
    i = 0
    while i < len(ids) - 1:
        if ids[i : i + 2] == list(pair):
            ids[i : i + 2] = [new_id]
        i += 1
    return ids


@right("lab01.merge", way="a string with one character an id")
def merge(ids, pair, new_id):
    text = "".join(map(chr, ids))
    text = text.replace(chr(pair[0]) + chr(pair[1]), chr(new_id))
    return [ord(c) for c in text]


@right("lab01.merge", way="a flag that skips")
def merge(ids, pair, new_id):
    merged = []
    skip = False
    for a, b in zip(ids, [*ids[1:], None]):
        if skip:
            skip = False
        elif (a, b) == tuple(pair):
            merged.append(new_id)
            skip = True
        else:
            merged.append(a)
    return merged


@right("lab01.merge", way="GPT-2's: jump to the next first id")
def merge(ids, pair, new_id):
    first, second = pair
    merged = []
    i = 0
    while i < len(ids):
        try:
            j = ids.index(first, i)
        except ValueError:
            merged.extend(ids[i:])
            break
        merged.extend(ids[i:j])
        if j + 1 < len(ids) and ids[j + 1] == second:
            merged.append(new_id)
            i = j + 2
        else:
            merged.append(first)
            i = j + 1
    return merged


@wrong("lab01.merge", says="The second id of the pair is still there", earns=0)
def merge(ids, pair, new_id):
    merged = []
    for i in range(len(ids)):
        if i + 1 < len(ids) and (ids[i], ids[i + 1]) == pair:
            merged.append(new_id)
            i += 1
        else:
            merged.append(ids[i])
    return merged


@wrong("lab01.merge", says="The last id is lost", earns=0)
def merge(ids, pair, new_id):
    merged = []
    i = 0
    while i < len(ids) - 1:
        if (ids[i], ids[i + 1]) == pair:
            merged.append(new_id)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged


@wrong("lab01.merge", says="raised IndexError: list index out of range", earns=0)
def merge(ids, pair, new_id):
    merged = []
    i = 0
    while i < len(ids):
        if ids[i] == pair[0] and ids[i + 1] == pair[1]:
            merged.append(new_id)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged


@wrong("lab01.merge", says="Only the first pair is merged", earns=0)
def merge(ids, pair, new_id):
    for i in range(len(ids) - 1):
        if (ids[i], ids[i + 1]) == pair:
            return ids[:i] + [new_id] + ids[i + 2 :]
    return list(ids)


@wrong("lab01.merge", says="only the two together, in this order, are merged", earns=0)
def merge(ids, pair, new_id):
    return [new_id if i in pair else i for i in ids]


@wrong("lab01.merge", says="The pairs are merged from the right", earns=1.5)
def merge(ids, pair, new_id):
    merged = list(ids)
    i = len(merged) - 2
    while i >= 0:
        if (merged[i], merged[i + 1]) == pair:
            merged[i : i + 2] = [new_id]
        i -= 1
    return merged


@wrong("lab01.merge", says="Nothing was merged", earns=0)
def merge(ids, pair, new_id):
    merged = []
    i = 0
    while i < len(ids):
        if ids[i : i + 2] == pair:
            merged.append(new_id)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged


@wrong("lab01.merge", says="The list that was passed in has changed", earns=1.5)
def merge(ids, pair, new_id):
    i = 0
    while i < len(ids) - 1:
        if (ids[i], ids[i + 1]) == pair:
            ids[i] = new_id
            del ids[i + 1]
        i += 1
    return ids


@wrong("lab01.merge", says="The list that was passed in has changed", earns=1.5)
def merge(ids, pair, new_id):
    merged = []
    while ids:
        first = ids.pop(0)
        if ids and (first, ids[0]) == pair:
            ids.pop(0)
            merged.append(new_id)
        else:
            merged.append(first)
    return merged


@wrong("lab01.merge", says="forget a return", earns=0)
def merge(ids, pair, new_id):
    i = 0
    while i < len(ids) - 1:
        if (ids[i], ids[i + 1]) == pair:
            ids[i : i + 2] = [new_id]
        i += 1


@wrong("lab01.merge", says="A merged id was used again for the next pair", earns=1.5)
def merge(ids, pair, new_id):
    merged = []
    used = False
    for i in range(len(ids)):
        if tuple(ids[i : i + 2]) == pair:
            merged.append(new_id)
            used = True
        elif used:
            used = False
        else:
            merged.append(ids[i])
    return merged


@wrong("lab01.merge", says="returned a tuple, expected a list", earns=0)
def merge(ids, pair, new_id):
    merged = ()
    i = 0
    while i < len(ids):
        if tuple(ids[i : i + 2]) == pair:
            merged += (new_id,)
            i += 2
        else:
            merged += (ids[i],)
            i += 1
    return merged


@wrong("lab01.merge", says="The pair was merged in the wrong order too")
def merge(ids, pair, new_id):
    merged = []
    i = 0
    while i < len(ids):
        if sorted(ids[i : i + 2]) == sorted(pair):
            merged.append(new_id)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged


@wrong("lab01.merge", says="The walk moves on by two ids")
def merge(ids, pair, new_id):
    merged = []
    for i in range(0, len(ids), 2):
        if tuple(ids[i : i + 2]) == pair:
            merged.append(new_id)
        else:
            merged.extend(ids[i : i + 2])
    return merged


@wrong("lab01.merge", says="The last id is there twice")
def merge(ids, pair, new_id):
    merged = []
    i = 0
    while i < len(ids) - 1:
        if (ids[i], ids[i + 1]) == pair:
            merged.append(new_id)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    merged.append(ids[-1])
    return merged


@wrong("lab01.merge", says="The merged list is wrong")
def merge(ids, pair, new_id):
    text = " ".join(str(i) for i in ids)
    text = text.replace(f"{pair[0]} {pair[1]}", str(new_id))
    return [int(part) for part in text.split()]


# --- train_bpe


@right("lab01.train_bpe", way="max with a negated pair")
def train_bpe(text, vocab_size):
    if vocab_size < 256:
        raise ValueError("vocab_size must be at least 256")
    ids = list(text.encode("utf-8"))
    merges = []
    for i in range(vocab_size - 256):
        counts = count_pairs(ids)
        if not counts:
            break
        best = max(counts, key=lambda pair: (counts[pair], -pair[0], -pair[1]))
        if counts[best] == 1:
            break
        ids = merge(ids, best, 256 + i)
        merges.append(best)
    return merges


@right("lab01.train_bpe", way="sorted, and new ids in a range")
def train_bpe(text: str, vocab_size: int) -> list[tuple[int, int]]:
    if vocab_size < 256:
        raise ValueError(f"{vocab_size} < 256")
    ids, merges = [*bytes(text, "utf8")], []
    for new_id in range(256, vocab_size):
        ranked = sorted(count_pairs(ids).items(), key=lambda item: (-item[1], item[0]))
        if not ranked or ranked[0][1] < 2:
            break
        merges.append(ranked[0][0])
        ids = merge(ids, merges[-1], new_id)
    return merges


@right("lab01.train_bpe", way="a heap each round")
def train_bpe(text, vocab_size):
    import heapq

    if vocab_size < 256:
        raise ValueError
    ids, merges = list(text.encode()), []
    while len(merges) < vocab_size - 256:
        heap = [(-n, pair) for pair, n in count_pairs(ids).items() if n > 1]
        if not heap:
            return merges
        heapq.heapify(heap)
        pair = heapq.heappop(heap)[1]
        ids = merge(ids, pair, 256 + len(merges))
        merges.append(pair)
    return merges


@right("lab01.train_bpe", way="recursion, the highest count first and then the smallest pair")
def train_bpe(text, vocab_size):
    def learn(ids, new_id):
        counts = count_pairs(ids)
        top = max(counts.values(), default=0)
        if new_id == vocab_size or top < 2:
            return []
        pair = min(p for p in counts if counts[p] == top)
        return [pair] + learn(merge(ids, pair, new_id), new_id + 1)

    if vocab_size < 256:
        raise ValueError("too small")
    return learn(list(text.encode("utf-8")), 256)


@right("lab01.train_bpe", way="numpy, a pair as one number")
def train_bpe(text, vocab_size):
    import numpy as np

    if vocab_size < 256:
        raise ValueError("too small")
    ids, merges = list(text.encode("utf-8")), []
    for new_id in range(256, vocab_size):
        codes = np.array(ids[:-1], dtype=int) * 10**6 + np.array(ids[1:], dtype=int)
        pairs, counts = np.unique(codes, return_counts=True)
        if len(counts) == 0 or counts.max() < 2:
            break
        pair = divmod(int(pairs[counts.argmax()]), 10**6)
        ids = merge(ids, pair, new_id)
        merges.append(pair)
    return merges


@wrong("lab01.train_bpe", says="Ties go to the pair that was seen first")
def train_bpe(text, vocab_size):
    if vocab_size < 256:
        raise ValueError("too small")
    ids, merges = list(text.encode("utf-8")), []
    for i in range(vocab_size - 256):
        counts = count_pairs(ids)
        if not counts or max(counts.values()) < 2:
            break
        pair = max(counts, key=counts.get)
        ids = merge(ids, pair, 256 + i)
        merges.append(pair)
    return merges


@wrong("lab01.train_bpe", says="Ties go to the largest pair")
def train_bpe(text, vocab_size):
    if vocab_size < 256:
        raise ValueError("too small")
    ids, merges = list(text.encode("utf-8")), []
    for i in range(vocab_size - 256):
        ranked = sorted(((n, pair) for pair, n in count_pairs(ids).items()), reverse=True)
        if not ranked or ranked[0][0] < 2:
            break
        pair = ranked[0][1]
        ids = merge(ids, pair, 256 + i)
        merges.append(pair)
    return merges


@wrong("lab01.train_bpe", says="Ties go to the pair that was seen last")
def train_bpe(text, vocab_size):
    if vocab_size < 256:
        raise ValueError("too small")
    ids, merges = list(text.encode("utf-8")), []
    for i in range(vocab_size - 256):
        ranked = sorted(count_pairs(ids).items(), key=lambda item: item[1])
        if not ranked or ranked[-1][1] < 2:
            break
        pair = ranked[-1][0]
        ids = merge(ids, pair, 256 + i)
        merges.append(pair)
    return merges


@wrong("lab01.train_bpe", says="The text was cut into characters (ord)", earns=3.5)
def train_bpe(text, vocab_size):
    if vocab_size < 256:
        raise ValueError("too small")
    ids, merges = [ord(c) for c in text], []
    for i in range(vocab_size - 256):
        counts = count_pairs(ids)
        pair = min(counts, key=lambda p: (-counts[p], p), default=None)
        if pair is None or counts[pair] < 2:
            break
        ids = merge(ids, pair, 256 + i)
        merges.append(pair)
    return merges


@wrong("lab01.train_bpe", says="raised UnicodeEncodeError", earns=3.5)
def train_bpe(text, vocab_size):
    if vocab_size < 256:
        raise ValueError("too small")
    ids, merges = list(text.encode("ascii")), []
    for i in range(vocab_size - 256):
        counts = count_pairs(ids)
        pair = min(counts, key=lambda p: (-counts[p], p), default=None)
        if pair is None or counts[pair] < 2:
            break
        ids = merge(ids, pair, 256 + i)
        merges.append(pair)
    return merges


@wrong("lab01.train_bpe", says="stop when no pair repeats")
def train_bpe(text, vocab_size):
    if vocab_size < 256:
        raise ValueError("too small")
    ids, merges = list(text.encode("utf-8")), []
    while len(merges) < vocab_size - 256 and len(ids) > 1:
        counts = count_pairs(ids)
        pair = min(counts, key=lambda p: (-counts[p], p))
        ids = merge(ids, pair, 256 + len(merges))
        merges.append(pair)
    return merges


@wrong("lab01.train_bpe", says="raised ValueError")
def train_bpe(text, vocab_size):
    if vocab_size < 256:
        raise ValueError("too small")
    ids, merges = list(text.encode("utf-8")), []
    for i in range(vocab_size - 256):
        counts = count_pairs(ids)
        pair = min(counts, key=lambda p: (-counts[p], p))
        ids = merge(ids, pair, 256 + i)
        merges.append(pair)
    return merges


@wrong("lab01.train_bpe", says="There are vocab_size merges", earns=0)
def train_bpe(text, vocab_size):
    if vocab_size < 256:
        raise ValueError("too small")
    ids, merges = list(text.encode("utf-8")), []
    while len(merges) < vocab_size:
        counts = count_pairs(ids)
        pair = min(counts, key=lambda p: (-counts[p], p), default=None)
        if pair is None or counts[pair] < 2:
            break
        ids = merge(ids, pair, 256 + len(merges))
        merges.append(pair)
    return merges


@wrong("lab01.train_bpe", says="One merge is missing at the end", earns=0)
def train_bpe(text, vocab_size):
    if vocab_size < 256:
        raise ValueError("too small")
    ids, merges = list(text.encode("utf-8")), []
    for i in range(vocab_size - 257):
        counts = count_pairs(ids)
        pair = min(counts, key=lambda p: (-counts[p], p), default=None)
        if pair is None or counts[pair] < 2:
            break
        ids = merge(ids, pair, 256 + i)
        merges.append(pair)
    return merges


@wrong("lab01.train_bpe", says="There is one merge too many", earns=0)
def train_bpe(text, vocab_size):
    if vocab_size < 256:
        raise ValueError("too small")
    ids, merges = list(text.encode("utf-8")), []
    for new_id in range(256, vocab_size + 1):
        counts = count_pairs(ids)
        pair = min(counts, key=lambda p: (-counts[p], p), default=None)
        if pair is None or counts[pair] < 2:
            break
        ids = merge(ids, pair, new_id)
        merges.append(pair)
    return merges


@wrong("lab01.train_bpe", says="The first merged token got the id 257", earns=0)
def train_bpe(text, vocab_size):
    if vocab_size < 256:
        raise ValueError("too small")
    ids, merges = list(text.encode("utf-8")), []
    for i in range(vocab_size - 256):
        counts = count_pairs(ids)
        pair = min(counts, key=lambda p: (-counts[p], p), default=None)
        if pair is None or counts[pair] < 2:
            break
        merges.append(pair)
        ids = merge(ids, pair, 256 + len(merges))
    return merges


@wrong("lab01.train_bpe", says="Every merge got the same new id")
def train_bpe(text, vocab_size):
    if vocab_size < 256:
        raise ValueError("too small")
    ids, merges = list(text.encode("utf-8")), []
    for _ in range(vocab_size - 256):
        counts = count_pairs(ids)
        pair = min(counts, key=lambda p: (-counts[p], p), default=None)
        if pair is None or counts[pair] < 2:
            break
        ids = merge(ids, pair, 256)
        merges.append(pair)
    return merges


@wrong("lab01.train_bpe", says="The pairs were counted once, at the start")
def train_bpe(text, vocab_size):
    if vocab_size < 256:
        raise ValueError("too small")
    counts = count_pairs(list(text.encode("utf-8")))
    ranked = sorted(counts, key=lambda pair: (-counts[pair], pair))
    return [pair for pair in ranked if counts[pair] >= 2][: vocab_size - 256]


@wrong("lab01.train_bpe", says="did not raise a ValueError", earns=3.5)
def train_bpe(text, vocab_size):
    ids, merges = list(text.encode("utf-8")), []
    for i in range(vocab_size - 256):
        counts = count_pairs(ids)
        pair = min(counts, key=lambda p: (-counts[p], p), default=None)
        if pair is None or counts[pair] < 2:
            break
        ids = merge(ids, pair, 256 + i)
        merges.append(pair)
    return merges


@wrong("lab01.train_bpe", says="raised AssertionError, expected a ValueError", earns=3.5)
def train_bpe(text, vocab_size):
    assert vocab_size >= 256
    ids, merges = list(text.encode("utf-8")), []
    for i in range(vocab_size - 256):
        counts = count_pairs(ids)
        pair = min(counts, key=lambda p: (-counts[p], p), default=None)
        if pair is None or counts[pair] < 2:
            break
        ids = merge(ids, pair, 256 + i)
        merges.append(pair)
    return merges


@wrong("lab01.train_bpe", says="raised ValueError: too small", earns=3.5)
def train_bpe(text, vocab_size):
    if vocab_size <= 256:
        raise ValueError("too small")
    ids, merges = list(text.encode("utf-8")), []
    for i in range(vocab_size - 256):
        counts = count_pairs(ids)
        pair = min(counts, key=lambda p: (-counts[p], p), default=None)
        if pair is None or counts[pair] < 2:
            break
        ids = merge(ids, pair, 256 + i)
        merges.append(pair)
    return merges


@wrong("lab01.train_bpe", says="returned a dict, expected a list", earns=0)
def train_bpe(text, vocab_size):
    if vocab_size < 256:
        raise ValueError("too small")
    ids, merges = list(text.encode("utf-8")), {}
    for i in range(vocab_size - 256):
        counts = count_pairs(ids)
        pair = min(counts, key=lambda p: (-counts[p], p), default=None)
        if pair is None or counts[pair] < 2:
            break
        ids = merge(ids, pair, 256 + i)
        merges[pair] = 256 + i
    return merges


@wrong("lab01.train_bpe", says="The merges must be a list of pairs", earns=0)
def train_bpe(text, vocab_size):
    if vocab_size < 256:
        raise ValueError("too small")
    ids, merges = list(text.encode("utf-8")), []
    for i in range(vocab_size - 256):
        counts = count_pairs(ids)
        pair = min(counts, key=lambda p: (-counts[p], p), default=None)
        if pair is None or counts[pair] < 2:
            break
        ids = merge(ids, pair, 256 + i)
        merges.append([pair[0], pair[1]])
    return merges


@wrong("lab01.train_bpe", says="forget a return", earns=0)
def train_bpe(text, vocab_size):
    if vocab_size < 256:
        raise ValueError("too small")
    ids, merges = list(text.encode("utf-8")), []
    for i in range(vocab_size - 256):
        counts = count_pairs(ids)
        pair = min(counts, key=lambda p: (-counts[p], p), default=None)
        if pair is None or counts[pair] < 2:
            return merges
        ids = merge(ids, pair, 256 + i)
        merges.append(pair)


@wrong("lab01.train_bpe", says="merge returns a new list", earns=0)
def train_bpe(text, vocab_size):
    if vocab_size < 256:
        raise ValueError("too small")
    ids, merges = list(text.encode("utf-8")), []
    for i in range(vocab_size - 256):
        counts = count_pairs(ids)
        pair = min(counts, key=lambda p: (-counts[p], p), default=None)
        if pair is None or counts[pair] < 2:
            break
        merge(ids, pair, 256 + i)
        merges.append(pair)
    return merges


@wrong("lab01.train_bpe", says="compare the second ids then", earns=3)
def train_bpe(text, vocab_size):
    if vocab_size < 256:
        raise ValueError("too small")
    ids, merges = list(text.encode("utf-8")), []
    for i in range(vocab_size - 256):
        counts = count_pairs(ids)
        pair = max(counts, key=lambda p: (counts[p], -p[0]), default=None)
        if pair is None or counts[pair] < 2:
            break
        ids = merge(ids, pair, 256 + i)
        merges.append(pair)
    return merges


@wrong("lab01.train_bpe", says="one holds a tuple and an int", earns=0)
def train_bpe(text, vocab_size):
    if vocab_size < 256:
        raise ValueError("too small")
    ids, merges = list(text.encode("utf-8")), []
    for i in range(vocab_size - 256):
        counts = count_pairs(ids)
        pair = min(counts, key=lambda p: (-counts[p], p), default=None)
        if pair is None or counts[pair] < 2:
            break
        ids = merge(ids, pair, 256 + i)
        merges.append((pair, 256 + i))
    return merges


@wrong("lab01.train_bpe", says="The text was cut into words first")
def train_bpe(text, vocab_size):
    if vocab_size < 256:
        raise ValueError("too small")
    words, merges = [list(word.encode("utf-8")) for word in text.split()], []
    for i in range(vocab_size - 256):
        counts = {}
        for word in words:
            for pair, n in count_pairs(word).items():
                counts[pair] = counts.get(pair, 0) + n
        pair = min(counts, key=lambda p: (-counts[p], p), default=None)
        if pair is None or counts[pair] < 2:
            break
        words = [merge(word, pair, 256 + i) for word in words]
        merges.append(pair)
    return merges


@right("lab01.train_bpe", way="an error class of its own")
def train_bpe(text, vocab_size):
    class TooSmall(ValueError):
        pass

    if vocab_size < 256:
        raise TooSmall(vocab_size)
    ids, merges = list(text.encode("utf-8")), []
    for i in range(vocab_size - 256):
        counts = count_pairs(ids)
        pair = min(counts, key=lambda p: (-counts[p], p), default=None)
        if pair is None or counts[pair] < 2:
            break
        ids = merge(ids, pair, 256 + i)
        merges.append(pair)
    return merges


# --- encode


@right("lab01.encode", way="minBPE's: the pair of the lowest rank, until none is known")
def encode(text, merges):
    ranks = {pair: 256 + i for i, pair in enumerate(merges)}
    ids = list(text.encode("utf-8"))
    while len(ids) >= 2:
        pair = min(count_pairs(ids), key=lambda p: ranks.get(p, float("inf")))
        if pair not in ranks:
            break
        ids = merge(ids, pair, ranks[pair])
    return ids


@right("lab01.encode", way="recursion")
def encode(text, merges):
    if not merges:
        return list(text.encode("utf-8"))
    return merge(encode(text, merges[:-1]), merges[-1], 255 + len(merges))


@right("lab01.encode", way="reduce")
def encode(text, merges):
    from functools import reduce

    steps = enumerate(merges, start=256)
    return reduce(lambda ids, step: merge(ids, step[1], step[0]), steps, [*text.encode()])


@right("lab01.encode", way="tiktoken's lesson: one neighbour at a time, the lowest rank first")
def encode(text, merges):
    ranks = {pair: i for i, pair in enumerate(merges, 256)}
    parts = list(text.encode("utf-8"))
    while True:
        found = [(ranks[p], i) for i, p in enumerate(zip(parts, parts[1:])) if p in ranks]
        if not found:
            return parts
        rank, i = min(found)
        parts = parts[:i] + [rank] + parts[i + 2 :]


@right("lab01.encode", way="a string with one character an id")
def encode(text, merges):
    ids = text.encode("utf-8").decode("latin-1")
    for i, (a, b) in enumerate(merges):
        ids = ids.replace(chr(a) + chr(b), chr(256 + i))
    return [ord(c) for c in ids]


@right("lab01.encode", way="tiktoken, with a pattern that cuts nothing")
def encode(text, merges):
    return to_tiktoken(merges, r"(?s).+", {}).encode_ordinary(text)


@wrong("lab01.encode", says="The merges are applied in the wrong order", earns=0)
def encode(text, merges):
    ids = list(text.encode("utf-8"))
    for i in range(len(merges) - 1, -1, -1):
        ids = merge(ids, merges[i], 256 + i)
    return ids


@wrong("lab01.encode", says="The longest token that fits is taken from the left", earns=1.5)
def encode(text, merges):
    table = {i: bytes([i]) for i in range(256)}
    for i, (a, b) in enumerate(merges):
        table[256 + i] = table[a] + table[b]
    vocab = {token: i for i, token in table.items()}
    data, ids, start = text.encode("utf-8"), [], 0
    while start < len(data):
        end = len(data)
        while data[start:end] not in vocab:
            end -= 1
        ids.append(vocab[data[start:end]])
        start = end
    return ids


@wrong("lab01.encode", says="The text was cut into characters (ord)")
def encode(text, merges):
    ids = [ord(c) for c in text]
    for i, pair in enumerate(merges):
        ids = merge(ids, pair, 256 + i)
    return ids


@wrong("lab01.encode", says="No merge was applied", earns=0)
def encode(text, merges):
    ids = list(text.encode("utf-8"))
    for i, pair in enumerate(merges):
        merge(ids, pair, 256 + i)
    return ids


@wrong("lab01.encode", says="Each merge was applied to its first pair only")
def encode(text, merges):
    ids = list(text.encode("utf-8"))
    for new_id, (a, b) in enumerate(merges, 256):
        for i in range(len(ids) - 1):
            if ids[i] == a and ids[i + 1] == b:
                ids[i : i + 2] = [new_id]
                break
    return ids


@wrong("lab01.encode", says="The ids of the merges begin at 257", earns=0)
def encode(text, merges):
    ids = list(text.encode("utf-8"))
    for i, pair in enumerate(merges, start=1):
        ids = merge(ids, pair, 256 + i)
    return ids


@wrong("lab01.encode", says="The ids of the merges begin at 255", earns=0)
def encode(text, merges):
    ids = list(text.encode("utf-8"))
    for i, pair in enumerate(merges):
        ids = merge(ids, pair, 255 + i)
    return ids


@wrong("lab01.encode", says="Only one pass was made from left to right")
def encode(text, merges):
    ranks = {pair: 256 + i for i, pair in enumerate(merges)}
    ids = []
    for byte in text.encode("utf-8"):
        ids.append(byte)
        if tuple(ids[-2:]) in ranks:
            ids[-2:] = [ranks[tuple(ids[-2:])]]
    return ids


@wrong("lab01.encode", says="The last merge was not applied")
def encode(text, merges):
    ids = list(text.encode("utf-8"))
    for i in range(len(merges) - 1):
        ids = merge(ids, merges[i], 256 + i)
    return ids


@wrong("lab01.encode", says="The merges were learned again from this text")
def encode(text, merges):
    ids = list(text.encode("utf-8"))
    merges = train_bpe(text, 256 + len(merges))
    for i, pair in enumerate(merges):
        ids = merge(ids, pair, 256 + i)
    return ids


@wrong("lab01.encode", says="The ids do not spell the text", earns=0.5)
def encode(text, merges):
    out = []
    for word in text.split():
        ids = list(word.encode("utf-8"))
        for i, pair in enumerate(merges):
            ids = merge(ids, pair, 256 + i)
        out.extend(ids)
    return out


@wrong("lab01.encode", says="returned a bytes, expected a list")
def encode(text, merges):
    ids = text.encode("utf-8")
    for i, pair in enumerate(merges):
        ids = merge(ids, pair, 256 + i)
    return ids


@wrong("lab01.encode", says="raised ValueError", earns=2)
def encode(text, merges):
    ranks = {pair: 256 + i for i, pair in enumerate(merges)}
    ids = list(text.encode("utf-8"))
    while True:
        pair = min(count_pairs(ids), key=lambda p: ranks.get(p, float("inf")))
        if pair not in ranks:
            return ids
        ids = merge(ids, pair, ranks[pair])


@wrong("lab01.encode", says="raised KeyError", earns=0)
def encode(text, merges):
    ranks = {pair: 256 + i for i, pair in enumerate(merges)}
    ids = list(text.encode("utf-8"))
    while len(ids) > 1:
        pair = min(count_pairs(ids), key=lambda p: ranks[p])
        ids = merge(ids, pair, ranks[pair])
    return ids


@wrong("lab01.encode", says="forget a return", earns=0)
def encode(text, merges):
    ids = list(text.encode("utf-8"))
    for i, pair in enumerate(merges):
        ids = merge(ids, pair, 256 + i)


@wrong(
    "lab01.encode", says="The pair that is most frequent in this text was merged first", earns=1.5
)
def encode(text, merges):
    ranks = {pair: 256 + i for i, pair in enumerate(merges)}
    ids = list(text.encode("utf-8"))
    while True:
        counts = {p: n for p, n in count_pairs(ids).items() if p in ranks}
        if not counts:
            return ids
        pair = max(counts, key=counts.get)
        ids = merge(ids, pair, ranks[pair])


@wrong("lab01.encode", says="The text was cut into words first", earns=1.5)
def encode(text, merges):
    import regex

    from course.hub import GPT2_PATTERN

    out = []
    for piece in regex.findall(GPT2_PATTERN, text):
        ids = list(piece.encode("utf-8"))
        for i, pair in enumerate(merges):
            ids = merge(ids, pair, 256 + i)
        out.extend(ids)
    return out


@wrong("lab01.encode", says="Only one pass was made over the bytes", earns=0)
def encode(text, merges):
    ranks = {pair: 256 + i for i, pair in enumerate(merges)}
    data, ids, i = list(text.encode("utf-8")), [], 0
    while i < len(data):
        pair = tuple(data[i : i + 2])
        if pair in ranks:
            ids.append(ranks[pair])
            i += 2
        else:
            ids.append(data[i])
            i += 1
    return ids


# --- decode


@right("lab01.decode", way="recursion")
def decode(ids, merges):
    def spell(i):
        if i < 256:
            return bytes([i])
        a, b = merges[i - 256]
        return spell(a) + spell(b)

    return str(b"".join(map(spell, ids)), "utf-8", "replace")


@right("lab01.decode", way="the merges undone from last to first")
def decode(ids, merges):
    for i in reversed(range(len(merges))):
        ids = [part for j in ids for part in (merges[i] if j == 256 + i else [j])]
    return bytes(ids).decode(errors="replace")


@right("lab01.decode", way="a stack and a bytearray")
def decode(ids: list[int], merges: list[tuple[int, int]]) -> str:
    stack, data = list(ids)[::-1], bytearray()
    while stack:
        i = stack.pop()
        if i < 256:
            data.append(i)
        else:
            a, b = merges[i - 256]
            stack += [b, a]
    return data.decode("utf-8", "replace")


@right("lab01.decode", way="an incremental decoder")
def decode(ids, merges):
    import codecs

    spelled = [bytes([i]) for i in range(256)]
    for a, b in merges:
        spelled.append(spelled[a] + spelled[b])
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    return "".join(decoder.decode(spelled[i]) for i in ids) + decoder.decode(b"", final=True)


@right("lab01.decode", way="tiktoken")
def decode(ids, merges):
    return to_tiktoken(merges, r"\S+|\s+", {}).decode(ids)


@wrong("lab01.decode", says="raised UnicodeDecodeError", earns=1.5)
def decode(ids, merges):
    table = {i: bytes([i]) for i in range(256)}
    for i, (a, b) in enumerate(merges):
        table[256 + i] = table[a] + table[b]
    return b"".join(table[i] for i in ids).decode("utf-8")


@wrong("lab01.decode", says="Bytes that are no valid UTF-8 have vanished", earns=1.5)
def decode(ids, merges):
    table = {i: bytes([i]) for i in range(256)}
    for i, (a, b) in enumerate(merges):
        table[256 + i] = table[a] + table[b]
    return b"".join(table[i] for i in ids).decode("utf-8", errors="ignore")


@wrong("lab01.decode", says="Broken bytes are spelled with backslashes", earns=1.5)
def decode(ids, merges):
    table = {i: bytes([i]) for i in range(256)}
    for i, (a, b) in enumerate(merges):
        table[256 + i] = table[a] + table[b]
    return b"".join(table[i] for i in ids).decode("utf-8", errors="backslashreplace")


@wrong("lab01.decode", says="Broken bytes became surrogates", earns=1.5)
def decode(ids, merges):
    table = {i: bytes([i]) for i in range(256)}
    for i, (a, b) in enumerate(merges):
        table[256 + i] = table[a] + table[b]
    return b"".join(table[i] for i in ids).decode("utf-8", errors="surrogateescape")


@wrong("lab01.decode", says="Each token was decoded by itself", earns=1)
def decode(ids, merges):
    table = {i: bytes([i]) for i in range(256)}
    for i, (a, b) in enumerate(merges):
        table[256 + i] = table[a] + table[b]
    return "".join(table[i].decode("utf-8", errors="replace") for i in ids)


@wrong("lab01.decode", says="Bytes were taken for characters (chr or Latin-1)", earns=1)
def decode(ids, merges):
    table = {i: chr(i) for i in range(256)}
    for i, (a, b) in enumerate(merges):
        table[256 + i] = table[a] + table[b]
    return "".join(table[i] for i in ids)


@wrong("lab01.decode", says="Ids from 256 on are missing", earns=0)
def decode(ids, merges):
    return bytes(i for i in ids if i < 256).decode("utf-8", errors="replace")


@wrong("lab01.decode", says="The two parts of a merged token are in the wrong order", earns=0)
def decode(ids, merges):
    table = {i: bytes([i]) for i in range(256)}
    for i, (a, b) in enumerate(merges):
        table[256 + i] = table[b] + table[a]
    return b"".join(table[i] for i in ids).decode("utf-8", errors="replace")


@wrong("lab01.decode", says="decode returned bytes: decode them to text", earns=0)
def decode(ids, merges):
    table = {i: bytes([i]) for i in range(256)}
    for i, (a, b) in enumerate(merges):
        table[256 + i] = table[a] + table[b]
    return b"".join(table[i] for i in ids)


@wrong("lab01.decode", says="bytes must be in range(0, 256)", earns=0)
def decode(ids, merges):
    data = []
    for i in ids:
        if i < 256:
            data.append(i)
        else:
            data.extend(merges[i - 256])
    return bytes(data).decode("utf-8", errors="replace")


@wrong("lab01.decode", says="bytes must be in range(0, 256)", earns=0)
def decode(ids, merges):
    for i, pair in enumerate(merges):
        ids = [part for j in ids for part in (pair if j == 256 + i else [j])]
    return bytes(ids).decode("utf-8", errors="replace")


@wrong("lab01.decode", says="raised KeyError: 256", earns=0)
def decode(ids, merges):
    table = {i: bytes([i]) for i in range(256)}
    for i, (a, b) in enumerate(merges, start=1):
        table[256 + i] = table[a] + table[b]
    return b"".join(table[i] for i in ids).decode("utf-8", errors="replace")


@wrong("lab01.decode", says="returned a list, expected a str", earns=0)
def decode(ids, merges):
    table = {i: bytes([i]) for i in range(256)}
    for i, (a, b) in enumerate(merges):
        table[256 + i] = table[a] + table[b]
    return [table[i].decode("utf-8", errors="replace") for i in ids]


@wrong("lab01.decode", says="forget a return", earns=0)
def decode(ids, merges):
    table = {i: bytes([i]) for i in range(256)}
    for i, (a, b) in enumerate(merges):
        table[256 + i] = table[a] + table[b]
    b"".join(table[i] for i in ids).decode("utf-8", errors="replace")


@wrong("lab01.decode", says="Each byte was decoded by itself", earns=1)
def decode(ids, merges):
    table = {i: bytes([i]) for i in range(256)}
    for i, (a, b) in enumerate(merges):
        table[256 + i] = table[a] + table[b]
    return b"".join(table[i] for i in ids).decode("ascii", errors="replace")


@wrong("lab01.decode", says="str() of bytes gives", earns=0)
def decode(ids, merges):
    table = {i: bytes([i]) for i in range(256)}
    for i, (a, b) in enumerate(merges):
        table[256 + i] = table[a] + table[b]
    return str(b"".join(table[i] for i in ids))


@wrong("lab01.decode", says="Blanks at the ends of the text are gone")
def decode(ids, merges):
    table = {i: bytes([i]) for i in range(256)}
    for i, (a, b) in enumerate(merges):
        table[256 + i] = table[a] + table[b]
    return b"".join(table[i] for i in ids).decode("utf-8", errors="replace").strip()


# --- to_tiktoken


@right("lab01.to_tiktoken", way="recursion with a cache")
def to_tiktoken(merges, pattern, special_tokens):
    from functools import cache

    @cache
    def spell(i):
        if i < 256:
            return bytes([i])
        a, b = merges[i - 256]
        return spell(a) + spell(b)

    ranks = {spell(i): i for i in range(256 + len(merges))}
    return tiktoken.Encoding(
        "mine", pat_str=pattern, mergeable_ranks=ranks, special_tokens=special_tokens
    )


@right("lab01.to_tiktoken", way="two dictionaries that grow together")
def to_tiktoken(merges, pattern, special_tokens):
    ranks = {bytes((i,)): i for i in range(256)}
    spelled = {i: token for token, i in ranks.items()}
    for a, b in merges:
        token = spelled[a] + spelled[b]
        spelled[len(ranks)] = token
        ranks[token] = len(ranks)
    return tiktoken.Encoding(
        name="my tokenizer",
        pat_str=pattern,
        mergeable_ranks=ranks,
        special_tokens=dict(special_tokens),
        explicit_n_vocab=None,
    )


@right("lab01.to_tiktoken", way="byte values in tuples, turned into bytes at the end")
def to_tiktoken(merges, pattern, special_tokens):
    spelled = [(i,) for i in range(256)]
    for a, b in merges:
        spelled.append(spelled[a] + spelled[b])
    settings = {
        "pat_str": pattern,
        "mergeable_ranks": {bytes(values): i for i, values in enumerate(spelled)},
        "special_tokens": {**special_tokens},
    }
    return tiktoken.Encoding("lab01", **settings)


@wrong("lab01.to_tiktoken", says="The merged tokens got ranks from 257", earns=0)
def to_tiktoken(merges, pattern, special_tokens):
    table = {i: bytes([i]) for i in range(256)}
    ranks = {token: i for i, token in table.items()}
    for i, (a, b) in enumerate(merges):
        table[256 + i] = table[a] + table[b]
        ranks[table[256 + i]] = 256 + i + 1
    return tiktoken.Encoding(
        "mine", pat_str=pattern, mergeable_ranks=ranks, special_tokens=special_tokens
    )


@wrong("lab01.to_tiktoken", says="Two tokens have the same rank", earns=0)
def to_tiktoken(merges, pattern, special_tokens):
    table = {i: bytes([i]) for i in range(256)}
    ranks = {token: i for i, token in table.items()}
    for i, (a, b) in enumerate(merges):
        table[256 + i] = table[a] + table[b]
        ranks[table[256 + i]] = i
    return tiktoken.Encoding(
        "mine", pat_str=pattern, mergeable_ranks=ranks, special_tokens=special_tokens
    )


@wrong("lab01.to_tiktoken", says="every single byte must be in mergeable_ranks", earns=0)
def to_tiktoken(merges, pattern, special_tokens):
    table = {i: bytes([i]) for i in range(256)}
    ranks = {}
    for i, (a, b) in enumerate(merges):
        table[256 + i] = table[a] + table[b]
        ranks[table[256 + i]] = 256 + i
    return tiktoken.Encoding(
        "mine", pat_str=pattern, mergeable_ranks=ranks, special_tokens=special_tokens
    )


@wrong("lab01.to_tiktoken", says="every single byte must be in mergeable_ranks", earns=0.5)
def to_tiktoken(merges, pattern, special_tokens):
    ranks = {}
    for i in range(256 + len(merges)):
        ranks[decode([i], merges).encode("utf-8")] = i
    return tiktoken.Encoding(
        "mine", pat_str=pattern, mergeable_ranks=ranks, special_tokens=special_tokens
    )


@wrong("lab01.to_tiktoken", says="The encoding knows single bytes only", earns=0)
def to_tiktoken(merges, pattern, special_tokens):
    ranks = {bytes([i]): i for i in range(256)}
    return tiktoken.Encoding(
        "mine", pat_str=pattern, mergeable_ranks=ranks, special_tokens=special_tokens
    )


@wrong("lab01.to_tiktoken", says="The merged tokens' ranks are reversed", earns=0)
def to_tiktoken(merges, pattern, special_tokens):
    spelled = [bytes([i]) for i in range(256)]
    for a, b in merges:
        spelled.append(spelled[a] + spelled[b])
    ranks = {token: i for i, token in enumerate(spelled[:256] + spelled[:255:-1])}
    return tiktoken.Encoding(
        "mine", pat_str=pattern, mergeable_ranks=ranks, special_tokens=special_tokens
    )


@wrong("lab01.to_tiktoken", says="The text was not cut by the pattern")
def to_tiktoken(merges, pattern, special_tokens):
    spelled = [bytes([i]) for i in range(256)]
    for a, b in merges:
        spelled.append(spelled[a] + spelled[b])
    ranks = {token: i for i, token in enumerate(spelled)}
    return tiktoken.Encoding(
        "mine", pat_str=r"[\s\S]+", mergeable_ranks=ranks, special_tokens=special_tokens
    )


@wrong("lab01.to_tiktoken", says="is no special token of the encoding", earns=1.5)
def to_tiktoken(merges, pattern, special_tokens):
    spelled = [bytes([i]) for i in range(256)]
    for a, b in merges:
        spelled.append(spelled[a] + spelled[b])
    ranks = {token: i for i, token in enumerate(spelled)}
    return tiktoken.Encoding("mine", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})


@wrong("lab01.to_tiktoken", says="is no special token of the encoding", earns=1.5)
def to_tiktoken(merges, pattern, special_tokens):
    spelled = [bytes([i]) for i in range(256)]
    for a, b in merges:
        spelled.append(spelled[a] + spelled[b])
    ranks = {token: i for i, token in enumerate(spelled)}
    for name, i in special_tokens.items():
        ranks[name.encode("utf-8")] = i
    return tiktoken.Encoding("mine", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})


@wrong("lab01.to_tiktoken", says="has another id than the one it was given", earns=1.5)
def to_tiktoken(merges, pattern, special_tokens):
    spelled = [bytes([i]) for i in range(256)]
    for a, b in merges:
        spelled.append(spelled[a] + spelled[b])
    ranks = {token: i for i, token in enumerate(spelled)}
    special = {name: 50256 + i for i, name in enumerate(special_tokens)}
    return tiktoken.Encoding("mine", pat_str=pattern, mergeable_ranks=ranks, special_tokens=special)


@wrong("lab01.to_tiktoken", says="bytes must be in range(0, 256)", earns=0)
def to_tiktoken(merges, pattern, special_tokens):
    ranks = {bytes([i]): i for i in range(256)}
    for i, (a, b) in enumerate(merges):
        ranks[bytes([a, b])] = 256 + i
    return tiktoken.Encoding(
        "mine", pat_str=pattern, mergeable_ranks=ranks, special_tokens=special_tokens
    )


@wrong("lab01.to_tiktoken", says="raised TypeError", earns=0)
def to_tiktoken(merges, pattern, special_tokens):
    table = {i: chr(i) for i in range(256)}
    for i, (a, b) in enumerate(merges):
        table[256 + i] = table[a] + table[b]
    ranks = {token: i for i, token in table.items()}
    return tiktoken.Encoding(
        "mine", pat_str=pattern, mergeable_ranks=ranks, special_tokens=special_tokens
    )


@wrong("lab01.to_tiktoken", says="raised TypeError", earns=0)
def to_tiktoken(merges, pattern, special_tokens):
    spelled = [bytes([i]) for i in range(256)]
    for a, b in merges:
        spelled.append(spelled[a] + spelled[b])
    ranks = {token: i for i, token in enumerate(spelled)}
    return tiktoken.Encoding("mine", pattern, ranks, special_tokens)


@wrong("lab01.to_tiktoken", says="returned a dict", earns=0)
def to_tiktoken(merges, pattern, special_tokens):
    spelled = [bytes([i]) for i in range(256)]
    for a, b in merges:
        spelled.append(spelled[a] + spelled[b])
    return {token: i for i, token in enumerate(spelled)}


@wrong("lab01.to_tiktoken", says="forget a return", earns=0)
def to_tiktoken(merges, pattern, special_tokens):
    spelled = [bytes([i]) for i in range(256)]
    for a, b in merges:
        spelled.append(spelled[a] + spelled[b])
    ranks = {token: i for i, token in enumerate(spelled)}
    tiktoken.Encoding("mine", pat_str=pattern, mergeable_ranks=ranks, special_tokens=special_tokens)


@wrong("lab01.to_tiktoken", says="special tokens do not belong in mergeable_ranks", earns=1.5)
def to_tiktoken(merges, pattern, special_tokens):
    spelled = [bytes([i]) for i in range(256)]
    for a, b in merges:
        spelled.append(spelled[a] + spelled[b])
    ranks = {token: i for i, token in enumerate(spelled)}
    for name, i in special_tokens.items():
        ranks[name.encode("utf-8")] = i
    return tiktoken.Encoding(
        "mine", pat_str=pattern, mergeable_ranks=ranks, special_tokens=special_tokens
    )


@wrong("lab01.to_tiktoken", says="raised AssertionError", earns=0)
def to_tiktoken(merges, pattern, special_tokens):
    spelled = [bytes([i]) for i in range(256)]
    for a, b in merges:
        spelled.append(spelled[a] + spelled[b])
    return tiktoken.Encoding(
        "mine",
        pat_str=pattern,
        mergeable_ranks={token: i for i, token in enumerate(spelled)},
        special_tokens=special_tokens,
        explicit_n_vocab=len(spelled) + len(special_tokens),
    )


# --- pad_batch


@right("lab01.pad_batch", way="lists of rows")
def pad_batch(sequences, pad_id, side="right"):
    if len(sequences) == 0:
        raise ValueError("empty batch")
    longest = max(map(len, sequences))
    rows, masks = [], []
    for ids in sequences:
        gap = longest - len(ids)
        if side == "right":
            rows.append(ids + [pad_id] * gap)
            masks.append([1] * len(ids) + [0] * gap)
        else:
            rows.append([pad_id] * gap + ids)
            masks.append([0] * gap + [1] * len(ids))
    return torch.tensor(rows), torch.tensor(masks)


@right("lab01.pad_batch", way="pad_sequence with padding_side")
def pad_batch(sequences, pad_id, side="right"):
    from torch.nn.utils.rnn import pad_sequence

    if not sequences:
        raise ValueError("empty batch")
    rows = [torch.tensor(ids, dtype=torch.long) for ids in sequences]
    input_ids = pad_sequence(rows, batch_first=True, padding_value=pad_id, padding_side=side)
    ones = [torch.ones_like(row) for row in rows]
    return input_ids, pad_sequence(ones, batch_first=True, padding_side=side)


@right("lab01.pad_batch", way="pad_sequence, rows turned round for the left side")
def pad_batch(sequences, pad_id, side="right"):
    from torch.nn.utils.rnn import pad_sequence

    if not sequences:
        raise ValueError("empty batch")
    step = 1 if side == "right" else -1
    rows = [torch.LongTensor(ids[::step]) for ids in sequences]
    ids = pad_sequence(rows, batch_first=True, padding_value=pad_id)
    mask = pad_sequence([torch.ones_like(row) for row in rows], batch_first=True)
    return (ids, mask) if side == "right" else (ids.flip(1), mask.flip(1))


@right("lab01.pad_batch", way="a mask from lengths by broadcasting, ids written through it")
def pad_batch(sequences: list[list[int]], pad_id: int, side: str = "right"):
    if not sequences:
        raise ValueError("empty batch")
    lengths = torch.tensor([len(ids) for ids in sequences])[:, None]
    columns = torch.arange(int(lengths.max()))
    real = columns < lengths if side == "right" else columns >= len(columns) - lengths
    input_ids = torch.full(real.shape, pad_id)
    input_ids[real] = torch.tensor([i for ids in sequences for i in ids])
    return input_ids, real.long()


@right("lab01.pad_batch", way="numpy, then torch")
def pad_batch(sequences, pad_id, side="right"):
    import numpy as np

    if not sequences:
        raise ValueError("empty batch")
    longest = max(len(ids) for ids in sequences)
    input_ids = np.full((len(sequences), longest), pad_id, dtype=np.int64)
    mask = np.zeros_like(input_ids)
    for row, ids in enumerate(sequences):
        where = slice(len(ids)) if side == "right" else slice(longest - len(ids), longest)
        input_ids[row, where] = ids
        mask[row, where] = 1
    return torch.from_numpy(input_ids), torch.from_numpy(mask)


@right("lab01.pad_batch", way="functional.pad and stack")
def pad_batch(sequences, pad_id, side="right"):
    import torch.nn.functional as F

    if not sequences:
        raise ValueError("empty batch")
    longest = max(len(ids) for ids in sequences)

    def padded(row, value):
        gap = longest - len(row)
        return F.pad(row, (0, gap) if side == "right" else (gap, 0), value=value)

    rows = [torch.tensor(ids, dtype=torch.long) for ids in sequences]
    masks = [padded(torch.ones_like(row), 0) for row in rows]
    return torch.stack([padded(row, pad_id) for row in rows]), torch.stack(masks)


@right("lab01.pad_batch", way="zip_longest, columns first")
def pad_batch(sequences, pad_id, side="right"):
    from itertools import zip_longest

    if not sequences:
        raise ValueError("empty batch")
    if side == "left":
        ids, mask = pad_batch([row[::-1] for row in sequences], pad_id)
        return ids.flip(1), mask.flip(1)
    columns = list(zip_longest(*sequences))
    ids = [[pad_id if i is None else i for i in column] for column in columns]
    mask = [[int(i is not None) for i in column] for column in columns]
    return torch.tensor(ids).T, torch.tensor(mask).T


@right("lab01.pad_batch", way="the tokenizer's own pad")
def pad_batch(sequences, pad_id, side="right"):
    if not sequences:
        raise ValueError("empty batch")
    tokenizer = GPT2Tokenizer.from_pretrained(course.model_path("gpt2"), padding_side=side)
    tokenizer.pad_token = tokenizer.eos_token
    batch = tokenizer.pad({"input_ids": sequences}, return_tensors="pt")
    mask = batch["attention_mask"]
    return batch["input_ids"].masked_fill(mask == 0, pad_id), mask


@wrong("lab01.pad_batch", says="The mask marks a real token as padding", earns=1.5)
def pad_batch(sequences, pad_id, side="right"):
    if not sequences:
        raise ValueError("empty batch")
    longest = max(len(ids) for ids in sequences)
    rows = []
    for ids in sequences:
        gap = [pad_id] * (longest - len(ids))
        rows.append(ids + gap if side == "right" else gap + ids)
    input_ids = torch.tensor(rows)
    return input_ids, (input_ids != pad_id).long()


@wrong("lab01.pad_batch", says='The padding is on the right though side is "left"', earns=1)
def pad_batch(sequences, pad_id, side="right"):
    if not sequences:
        raise ValueError("empty batch")
    longest = max(len(ids) for ids in sequences)
    input_ids = torch.full((len(sequences), longest), pad_id)
    mask = torch.zeros_like(input_ids)
    for row, ids in enumerate(sequences):
        input_ids[row, : len(ids)] = torch.tensor(ids)
        mask[row, : len(ids)] = 1
    return input_ids, mask


@wrong("lab01.pad_batch", says='The padding is on the left though side is "right"', earns=0.5)
def pad_batch(sequences, pad_id, side="left"):
    if not sequences:
        raise ValueError("empty batch")
    longest = max(len(ids) for ids in sequences)
    input_ids = torch.full((len(sequences), longest), pad_id)
    mask = torch.zeros_like(input_ids)
    for row, ids in enumerate(sequences):
        start = 0 if side == "right" else longest - len(ids)
        input_ids[row, start : start + len(ids)] = torch.tensor(ids)
        mask[row, start : start + len(ids)] = 1
    return input_ids, mask


@wrong("lab01.pad_batch", says="The sides are swapped", earns=0)
def pad_batch(sequences, pad_id, side="right"):
    if not sequences:
        raise ValueError("empty batch")
    longest = max(len(ids) for ids in sequences)
    input_ids = torch.full((len(sequences), longest), pad_id)
    mask = torch.zeros_like(input_ids)
    for row, ids in enumerate(sequences):
        start = 0 if side == "left" else longest - len(ids)
        input_ids[row, start : start + len(ids)] = torch.tensor(ids)
        mask[row, start : start + len(ids)] = 1
    return input_ids, mask


@wrong("lab01.pad_batch", says="The mask pads the other side than the ids", earns=1)
def pad_batch(sequences, pad_id, side="right"):
    if not sequences:
        raise ValueError("empty batch")
    longest = max(len(ids) for ids in sequences)
    rows, masks = [], []
    for ids in sequences:
        gap = longest - len(ids)
        rows.append(ids + [pad_id] * gap if side == "right" else [pad_id] * gap + ids)
        masks.append([1] * len(ids) + [0] * gap)
    return torch.tensor(rows), torch.tensor(masks)


@wrong("lab01.pad_batch", says="The mask is inverted", earns=0)
def pad_batch(sequences, pad_id, side="right"):
    if not sequences:
        raise ValueError("empty batch")
    longest = max(len(ids) for ids in sequences)
    input_ids = torch.full((len(sequences), longest), pad_id)
    mask = torch.ones_like(input_ids)
    for row, ids in enumerate(sequences):
        start = 0 if side == "right" else longest - len(ids)
        input_ids[row, start : start + len(ids)] = torch.tensor(ids)
        mask[row, start : start + len(ids)] = 0
    return input_ids, mask


@wrong("lab01.pad_batch", says="The mask is 1 everywhere", earns=0)
def pad_batch(sequences, pad_id, side="right"):
    if not sequences:
        raise ValueError("empty batch")
    longest = max(len(ids) for ids in sequences)
    rows = []
    for ids in sequences:
        gap = [pad_id] * (longest - len(ids))
        rows.append(ids + gap if side == "right" else gap + ids)
    return torch.tensor(rows), torch.tensor([[1] * len(row) for row in rows])


@wrong("lab01.pad_batch", says="The ids of a row are reversed", earns=1)
def pad_batch(sequences, pad_id, side="right"):
    from torch.nn.utils.rnn import pad_sequence

    if not sequences:
        raise ValueError("empty batch")
    rows = [torch.tensor(ids, dtype=torch.long) for ids in sequences]
    ids = pad_sequence(rows, batch_first=True, padding_value=pad_id)
    mask = pad_sequence([torch.ones_like(row) for row in rows], batch_first=True)
    return (ids, mask) if side == "right" else (ids.flip(1), mask.flip(1))


@wrong("lab01.pad_batch", says="The sequences were cut to the shortest")
def pad_batch(sequences, pad_id, side="right"):
    if not sequences:
        raise ValueError("empty batch")
    rows = list(zip(*zip(*sequences)))
    input_ids = torch.tensor(rows)
    return input_ids, torch.ones_like(input_ids)


@wrong("lab01.pad_batch", says="There is a column of padding that no row needs", earns=0)
def pad_batch(sequences, pad_id, side="right"):
    if not sequences:
        raise ValueError("empty batch")
    longest = max(len(ids) for ids in sequences) + 1
    input_ids = torch.full((len(sequences), longest), pad_id)
    mask = torch.zeros_like(input_ids)
    for row, ids in enumerate(sequences):
        start = 0 if side == "right" else longest - len(ids)
        input_ids[row, start : start + len(ids)] = torch.tensor(ids)
        mask[row, start : start + len(ids)] = 1
    return input_ids, mask


@wrong("lab01.pad_batch", says="expected (3, 3)")
def pad_batch(sequences, pad_id, side="right"):
    if not sequences:
        raise ValueError("empty batch")
    longest = 16
    rows, masks = [], []
    for ids in sequences:
        gap = longest - len(ids)
        rows.append(ids + [pad_id] * gap if side == "right" else [pad_id] * gap + ids)
        masks.append([1] * len(ids) + [0] * gap if side == "right" else [0] * gap + [1] * len(ids))
    return torch.tensor(rows), torch.tensor(masks)


@wrong("lab01.pad_batch", says="attention_mask has dtype torch.bool", earns=1.75)
def pad_batch(sequences, pad_id, side="right"):
    if not sequences:
        raise ValueError("empty batch")
    longest = max(len(ids) for ids in sequences)
    input_ids = torch.full((len(sequences), longest), pad_id)
    mask = torch.zeros(len(sequences), longest, dtype=torch.bool)
    for row, ids in enumerate(sequences):
        start = 0 if side == "right" else longest - len(ids)
        input_ids[row, start : start + len(ids)] = torch.tensor(ids)
        mask[row, start : start + len(ids)] = True
    return input_ids, mask


@wrong("lab01.pad_batch", says="input_ids has dtype torch.float32", earns=1.75)
def pad_batch(sequences, pad_id, side="right"):
    if not sequences:
        raise ValueError("empty batch")
    longest = max(len(ids) for ids in sequences)
    input_ids = torch.ones(len(sequences), longest) * pad_id
    mask = torch.zeros(len(sequences), longest)
    for row, ids in enumerate(sequences):
        start = 0 if side == "right" else longest - len(ids)
        input_ids[row, start : start + len(ids)] = torch.tensor(ids)
        mask[row, start : start + len(ids)] = 1
    return input_ids, mask


@wrong("lab01.pad_batch", says="input_ids is a list, expected a torch.Tensor", earns=0)
def pad_batch(sequences, pad_id, side="right"):
    if not sequences:
        raise ValueError("empty batch")
    longest = max(len(ids) for ids in sequences)
    gaps = [longest - len(ids) for ids in sequences]
    if side == "right":
        rows = [ids + [pad_id] * gap for ids, gap in zip(sequences, gaps)]
        return rows, [[1] * (longest - gap) + [0] * gap for gap in gaps]
    rows = [[pad_id] * gap + ids for ids, gap in zip(sequences, gaps)]
    return rows, [[0] * gap + [1] * (longest - gap) for gap in gaps]


@wrong("lab01.pad_batch", says="must return two tensors", earns=0)
def pad_batch(sequences, pad_id, side="right"):
    if not sequences:
        raise ValueError("empty batch")
    longest = max(len(ids) for ids in sequences)
    rows = []
    for ids in sequences:
        gap = [pad_id] * (longest - len(ids))
        rows.append(ids + gap if side == "right" else gap + ids)
    return torch.tensor(rows)


@wrong("lab01.pad_batch", says="pad_batch did not raise a ValueError", earns=1.75)
def pad_batch(sequences, pad_id, side="right"):
    longest = max((len(ids) for ids in sequences), default=0)
    input_ids = torch.full((len(sequences), longest), pad_id)
    mask = torch.zeros_like(input_ids)
    for row, ids in enumerate(sequences):
        start = 0 if side == "right" else longest - len(ids)
        input_ids[row, start : start + len(ids)] = torch.tensor(ids)
        mask[row, start : start + len(ids)] = 1
    return input_ids, mask


@wrong("lab01.pad_batch", says="raised RuntimeError, expected a ValueError", earns=1.75)
def pad_batch(sequences, pad_id, side="right"):
    from torch.nn.utils.rnn import pad_sequence

    rows = [torch.tensor(ids, dtype=torch.long) for ids in sequences]
    ones = [torch.ones_like(row) for row in rows]
    input_ids = pad_sequence(rows, True, padding_value=pad_id, padding_side=side)
    return input_ids, pad_sequence(ones, True, padding_side=side)


@wrong("lab01.pad_batch", says="raised RuntimeError", earns=1.5)
def pad_batch(sequences, pad_id, side="right"):
    if not sequences:
        raise ValueError("empty batch")
    longest = max(len(ids) for ids in sequences)
    input_ids = torch.full((len(sequences), longest), pad_id)
    mask = torch.zeros_like(input_ids)
    for row, ids in enumerate(sequences):
        n = len(ids)
        where = slice(0, n) if side == "right" else slice(-n, None)
        input_ids[row, where] = torch.tensor(ids)
        mask[row, where] = 1
    return input_ids, mask


@wrong("lab01.pad_batch", says="missing 1 required positional argument: 'side'", earns=0.5)
def pad_batch(sequences, pad_id, side):
    if not sequences:
        raise ValueError("empty batch")
    longest = max(len(ids) for ids in sequences)
    input_ids = torch.full((len(sequences), longest), pad_id)
    mask = torch.zeros_like(input_ids)
    for row, ids in enumerate(sequences):
        start = 0 if side == "right" else longest - len(ids)
        input_ids[row, start : start + len(ids)] = torch.tensor(ids)
        mask[row, start : start + len(ids)] = 1
    return input_ids, mask


@wrong("lab01.pad_batch", says="forget a return", earns=0)
def pad_batch(sequences, pad_id, side="right"):
    if not sequences:
        raise ValueError("empty batch")
    longest = max(len(ids) for ids in sequences)
    input_ids = torch.full((len(sequences), longest), pad_id)
    mask = torch.zeros_like(input_ids)
    for row, ids in enumerate(sequences):
        start = 0 if side == "right" else longest - len(ids)
        input_ids[row, start : start + len(ids)] = torch.tensor(ids)
        mask[row, start : start + len(ids)] = 1


@wrong("lab01.pad_batch", says="must return two tensors", earns=0)
def pad_batch(sequences, pad_id, side="right"):
    if not sequences:
        raise ValueError("empty batch")
    longest = max(len(ids) for ids in sequences)
    input_ids = torch.full((len(sequences), longest), pad_id)
    mask = torch.zeros_like(input_ids)
    for row, ids in enumerate(sequences):
        start = 0 if side == "right" else longest - len(ids)
        input_ids[row, start : start + len(ids)] = torch.tensor(ids)
        mask[row, start : start + len(ids)] = 1
    return {"input_ids": input_ids, "attention_mask": mask}


@wrong("lab01.pad_batch", says="The two results are swapped", earns=0)
def pad_batch(sequences, pad_id, side="right"):
    if not sequences:
        raise ValueError("empty batch")
    longest = max(len(ids) for ids in sequences)
    input_ids = torch.full((len(sequences), longest), pad_id)
    mask = torch.zeros_like(input_ids)
    for row, ids in enumerate(sequences):
        start = 0 if side == "right" else longest - len(ids)
        input_ids[row, start : start + len(ids)] = torch.tensor(ids)
        mask[row, start : start + len(ids)] = 1
    return mask, input_ids


@wrong("lab01.pad_batch", says="The sequences that were passed in have changed", earns=0)
def pad_batch(sequences, pad_id, side="right"):
    if not sequences:
        raise ValueError("empty batch")
    longest = max(len(ids) for ids in sequences)
    masks = []
    for ids in sequences:
        gap = longest - len(ids)
        masks.append([1] * len(ids) + [0] * gap if side == "right" else [0] * gap + [1] * len(ids))
        for _ in range(gap):
            ids.append(pad_id) if side == "right" else ids.insert(0, pad_id)
    return torch.tensor(sequences), torch.tensor(masks)


@wrong("lab01.pad_batch", says="The batch is the second dimension", earns=0)
def pad_batch(sequences, pad_id, side="right"):
    from torch.nn.utils.rnn import pad_sequence

    if not sequences:
        raise ValueError("empty batch")
    rows = [torch.tensor(ids, dtype=torch.long) for ids in sequences]
    ones = [torch.ones_like(row) for row in rows]
    input_ids = pad_sequence(rows, padding_value=pad_id, padding_side=side)
    return input_ids, pad_sequence(ones, padding_side=side)


# --- leading_space


@right("lab01.leading_space", way="AutoTokenizer and encode")
def leading_space(tokenizer):
    from transformers import AutoTokenizer

    other = AutoTokenizer.from_pretrained(tokenizer.name_or_path, add_prefix_space=True)
    return dict(
        plain=tokenizer.encode("Hello world"),
        spaced=tokenizer.encode(" Hello world"),
        prefixed=other.encode("Hello world"),
    )


@right("lab01.leading_space", way="a deep copy whose pre-tokenizer is changed")
def leading_space(tokenizer):
    import copy

    prefixing = copy.deepcopy(tokenizer)
    prefixing.backend_tokenizer.pre_tokenizer.add_prefix_space = True
    plain, spaced = tokenizer(["Hello world", " Hello world"])["input_ids"]
    return {"plain": plain, "spaced": spaced, "prefixed": prefixing("Hello world")["input_ids"]}


@right("lab01.leading_space", way="saved and loaded again, tokens turned into ids")
def leading_space(tokenizer):
    import tempfile

    def ids(tok, text):
        return tok.convert_tokens_to_ids(tok.tokenize(text))

    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        prefixing = type(tokenizer).from_pretrained(folder, add_prefix_space=True)
    return {
        "plain": ids(tokenizer, "Hello world"),
        "spaced": ids(tokenizer, " Hello world"),
        "prefixed": ids(prefixing, "Hello world"),
    }


@right("lab01.leading_space", way="tensors turned into lists, words that are split already")
def leading_space(tokenizer):
    path = tokenizer.name_or_path
    prefixing = GPT2Tokenizer.from_pretrained(path, add_prefix_space=True)
    words = "Hello world".split()
    return {
        "plain": tokenizer("Hello world", return_tensors="pt").input_ids[0].tolist(),
        "spaced": tokenizer([" Hello world"]).input_ids[0],
        "prefixed": prefixing(words, is_split_into_words=True).input_ids,
    }


@wrong("lab01.leading_space", says="add_prefix_space=True had no effect", earns=0.75)
def leading_space(tokenizer):
    return {
        "plain": tokenizer("Hello world").input_ids,
        "spaced": tokenizer(" Hello world").input_ids,
        "prefixed": tokenizer("Hello world", add_prefix_space=True).input_ids,
    }


@wrong("lab01.leading_space", says="add_prefix_space=True had no effect", earns=0.75)
def leading_space(tokenizer):
    plain = tokenizer("Hello world").input_ids
    spaced = tokenizer(" Hello world").input_ids
    tokenizer.add_prefix_space = True
    return {"plain": plain, "spaced": spaced, "prefixed": tokenizer("Hello world").input_ids}


@wrong("lab01.leading_space", says="The tokenizer that was passed in has changed", earns=0.75)
def leading_space(tokenizer):
    plain = tokenizer("Hello world").input_ids
    spaced = tokenizer(" Hello world").input_ids
    tokenizer.backend_tokenizer.pre_tokenizer.add_prefix_space = True
    return {"plain": plain, "spaced": spaced, "prefixed": tokenizer("Hello world").input_ids}


@wrong("lab01.leading_space", says="the space in front of the text was lost", earns=0.25)
def leading_space(tokenizer):
    prefixing = GPT2Tokenizer.from_pretrained(tokenizer.name_or_path, add_prefix_space=True)
    return {
        "plain": tokenizer("Hello world").input_ids,
        "spaced": tokenizer(" Hello world".strip()).input_ids,
        "prefixed": prefixing("Hello world").input_ids,
    }


@wrong("lab01.leading_space", says="the two are swapped", earns=0.25)
def leading_space(tokenizer):
    prefixing = GPT2Tokenizer.from_pretrained(tokenizer.name_or_path, add_prefix_space=True)
    return {
        "plain": tokenizer(" Hello world").input_ids,
        "spaced": tokenizer("Hello world").input_ids,
        "prefixed": prefixing("Hello world").input_ids,
    }


@wrong("lab01.leading_space", says="holds the tokens' text: give their ids", earns=0)
def leading_space(tokenizer):
    prefixing = GPT2Tokenizer.from_pretrained(tokenizer.name_or_path, add_prefix_space=True)
    return {
        "plain": tokenizer.tokenize("Hello world"),
        "spaced": tokenizer.tokenize(" Hello world"),
        "prefixed": prefixing.tokenize("Hello world"),
    }


@wrong("lab01.leading_space", says="tokenize one text, not a batch of one", earns=0)
def leading_space(tokenizer):
    prefixing = GPT2Tokenizer.from_pretrained(tokenizer.name_or_path, add_prefix_space=True)
    return {
        "plain": tokenizer(["Hello world"]).input_ids,
        "spaced": tokenizer([" Hello world"]).input_ids,
        "prefixed": prefixing(["Hello world"]).input_ids,
    }


@wrong("lab01.leading_space", says="is a torch.Tensor, expected a list of ids", earns=0)
def leading_space(tokenizer):
    prefixing = GPT2Tokenizer.from_pretrained(tokenizer.name_or_path, add_prefix_space=True)
    return {
        "plain": tokenizer("Hello world", return_tensors="pt").input_ids,
        "spaced": tokenizer(" Hello world", return_tensors="pt").input_ids,
        "prefixed": prefixing("Hello world", return_tensors="pt").input_ids,
    }


@wrong("lab01.leading_space", says="The dictionary has no key 'prefixed'", earns=0.75)
def leading_space(tokenizer):
    prefixing = GPT2Tokenizer.from_pretrained(tokenizer.name_or_path, add_prefix_space=True)
    return {
        "plain": tokenizer("Hello world").input_ids,
        "spaced": tokenizer(" Hello world").input_ids,
        "add_prefix_space": prefixing("Hello world").input_ids,
    }


@wrong("lab01.leading_space", says="'plain' is the ids of the real GPT-2", earns=0)
def leading_space(tokenizer):
    return {"plain": [15496, 995], "spaced": [18435, 995], "prefixed": [18435, 995]}


@wrong("lab01.leading_space", says="returned a tuple, expected a dict", earns=0)
def leading_space(tokenizer):
    prefixing = GPT2Tokenizer.from_pretrained(tokenizer.name_or_path, add_prefix_space=True)
    plain = tokenizer("Hello world").input_ids
    spaced = tokenizer(" Hello world").input_ids
    return plain, spaced, prefixing("Hello world").input_ids


@wrong("lab01.leading_space", says="raised AttributeError", earns=0)
def leading_space(tokenizer):
    prefixing = GPT2Tokenizer.from_pretrained(tokenizer.name, add_prefix_space=True)
    return {
        "plain": tokenizer("Hello world").input_ids,
        "spaced": tokenizer(" Hello world").input_ids,
        "prefixed": prefixing("Hello world").input_ids,
    }


@wrong("lab01.leading_space", says="forget a return", earns=0)
def leading_space(tokenizer):
    prefixing = GPT2Tokenizer.from_pretrained(tokenizer.name_or_path, add_prefix_space=True)
    ids = {
        "plain": tokenizer("Hello world").input_ids,
        "spaced": tokenizer(" Hello world").input_ids,
    }
    ids["prefixed"] = prefixing("Hello world").input_ids
