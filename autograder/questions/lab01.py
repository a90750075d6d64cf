"""lab01_tokenization: how does text become numbers?"""

import copy
import re
import unicodedata

import tiktoken
import torch
from transformers import GPT2Tokenizer

import course
from autograder.compare import compare
from autograder.observation import tensor_facts, type_name
from autograder.probing import call
from autograder.question import Case, Finding, Question, kind_of, same, shorten, with_article

# A pattern simpler than GPT-2's, so that the cuts are easy to see: words with the blank before them.
WORDS = r" ?\w+|[^\w\s]+|\s+"
SHOP = [(111, 112), (104, 256), (32, 115), (258, 257)]  # op, hop, " s", " shop"


class NormalizeText(Question):
    name = "lab01.normalize_text"
    aspects = {"line endings": 0.5, "trailing blanks": 0.5, "blank lines": 0.5, "letters": 0.5}
    hints = (
        "Four small steps, one after the other. The order matters for two of them: what does a line "
        "that holds only spaces look like to the step that counts blank lines?",
        'Turn "\\r\\n" into "\\n" before you turn the "\\r" that are left. Look at lines only after '
        'that: split at "\\n", clean each, join again. NFC is unicodedata.normalize("NFC", text).',
        'text.replace("\\r\\n", "\\n").replace("\\r", "\\n"), then re.sub(r"(?m)[ \\t]+$", …) or '
        'line.rstrip(" \\t") for each line, then re.sub(r"\\n{3,}", "\\n\\n", text).',
    )
    mistakes = {
        "carriage returns left": "A carriage return (\\r) is still in the text: old Mac files end "
        "their lines with \\r alone, Windows files with \\r\\n.",
        "line breaks doubled": "\\r\\n has become two line breaks: replace the pair \\r\\n before "
        "the \\r that stand alone.",
        "line breaks lost": "A lone \\r was deleted, so two lines have run together: it ends a line.",
        "trailing blanks left": "A line still ends with a space or a tab.",
        "indentation lost": "The blanks at the start of a line are gone: they are its indentation, "
        "and only those at the end go.",
        "inner blanks squeezed": "Blanks inside a line were squeezed together: only those at its end go.",
        "blank lines left": "More than one blank line in a row is left.",
        "blank lines gone": "All blank lines are gone: a run of them becomes one, so that paragraphs "
        "stay apart.",
        "blanks after runs": "A run of blank lines is left where the lines hold spaces: remove the "
        "trailing blanks before you count blank lines.",
        "ends stripped": "The blanks or line breaks at the two ends of the text are gone: only what "
        "the rules name may change.",
        "not NFC": "The text is not in NFC: é may be one code point or e with a combining accent, "
        "and NFC makes it one.",
        "NFD": "The text was decomposed (NFD): NFC composes a letter and its accent into one code point.",
        "NFKC": "NFKC was used, and it replaces letters (ﬁ becomes fi, ２ becomes 2): use NFC.",
        "ASCII only": "Letters outside ASCII are lost: every script must survive.",
        "lower case": "Capital letters became small: a letter must stay the letter that it is.",
    }

    def cases(self):
        yield Case("three kinds of line ending", ("line endings",), {"text": "one\r\ntwo\rthree\n"})
        yield Case(
            "blanks after words",
            ("trailing blanks",),
            {"text": "  if x: \t\n    y = 1  2\t3  \nend\nend \t"},
        )
        yield Case("a gap of four lines", ("blank lines",), {"text": "one\n\n\n\n\ntwo\n\nthree\n"})
        yield Case("blank lines with blanks", ("blank lines",), {"text": "one\n \n\t\n  \ntwo"})
        yield Case("an accent apart", ("letters",), {"text": "Cafe\u0301 ÅNGSTRÖM A\u030a"})
        yield Case("many scripts", ("letters",), {"text": "ﬁve 中文 हिन्दी עברית ２ 👩\u200d🔬"})

    def verdict(self, case, seen):
        wrong_type = list(self.of_type(str, case, seen))
        yield from wrong_type
        if not wrong_type:
            mistake = _untidy(case.expected["right"], seen)
            message = self.mistakes.get(mistake, mistake)
            yield from self.equal_to_right(case, seen, message)


def _untidy(right: str, seen: str) -> str:
    """What can be seen to be wrong in a text that no single known mistake explains."""
    if any(c not in seen for c in right if unicodedata.category(c)[0] in "LMN" or c == "\u200d"):
        return "Letters are lost or changed: every letter of every script must survive."
    if "\r" in seen:
        return "carriage returns left"
    if re.search(r"[ \t](?=\n|\Z)", seen):
        return "trailing blanks left"
    if "\n\n\n" in seen:
        return "blank lines left"
    if not unicodedata.is_normalized("NFC", seen):
        return "not NFC"
    lines, wanted = seen.split("\n"), right.split("\n")
    if [line.split() for line in lines] == [line.split() for line in wanted]:
        if [line.lstrip() for line in lines] == [line.lstrip() for line in wanted]:
            return "indentation lost"
        return "inner blanks squeezed"
    if seen.split() == right.split():
        if seen.strip() == right.strip():
            return "ends stripped"
        if "\n" not in seen:
            return "Line breaks have become spaces: only what the rules name may change."
        return "blank lines gone" if seen.count("\n") < right.count("\n") else "blank lines left"
    return "The text differs from what the four rules give."


class CorpusStats(Question):
    name = "lab01.corpus_stats"
    aspects = {"n_tokens": 0.25, "n_unique": 0.25, "max_token_id": 0.25, "any text": 0.25}
    needs = {"any text": "n_tokens"}
    hints = (
        "Everything comes from one list of ids. Which method of the encoding gives it, and what does "
        "that method do with a text that contains <|endoftext|>?",
        "encoding.encode refuses text that looks like a special token; encoding.encode_ordinary takes "
        "every text as it is. How many different ids a list has, a set can tell.",
        "ids = encoding.encode_ordinary(text); then len(ids), len(set(ids)) and max(ids, default=None).",
    )

    def cases(self):
        three = ("n_tokens", "n_unique", "max_token_id")
        yield Case("a sentence", three, {"text": "Zoë: the cat and the hat, the cat and the bat"})
        yield Case("two scripts", three, {"text": "Hello, 世界! Hello again."})
        yield Case("a text with <|endoftext|>", ("any text",), {"text": "end <|endoftext|> start"})
        yield Case("the empty text", ("any text",), {"text": ""})

    def probe(self, answer, inputs):
        return answer(inputs["text"], course.encoding())

    def verdict(self, case, seen):
        wrong_type = list(self.of_type(dict, case, seen))
        yield from wrong_type
        if wrong_type:
            return
        text, encoding = case.inputs["text"], course.encoding()
        ids = encoding.encode_ordinary(text)
        right = {
            "n_tokens": len(ids),
            "n_unique": len(set(ids)),
            "max_token_id": max(ids, default=None),
        }
        mistakes = {
            "n_tokens": [
                (len(encoding.encode(text, allowed_special="all")), "The name of a special token in the "
                 "text became one id: it is ordinary text here, as encode_ordinary takes it."),
                (len(text), "n_tokens counts characters: count the ids that the encoding gives."),
                (len(text.split()), "n_tokens counts words: count the ids that the encoding gives."),
                (len(text.encode()), "n_tokens counts bytes: count the ids that the encoding gives."),
                (len(set(ids)), "n_tokens counts each different id once: that is n_unique."),
            ],
            "n_unique": [
                (len(ids), "n_unique counts every token: count each different id once."),
                (len(set(text)), "n_unique counts different characters: count different ids."),
                (len(set(text.split())), "n_unique counts different words: count different ids."),
                (encoding.n_vocab, "n_unique is the size of the whole vocabulary: count the ids that occur."),
            ],
            "max_token_id": [
                (encoding.n_vocab, "max_token_id is the vocabulary's size: take the largest id that occurs."),
                (encoding.max_token_value, "max_token_id is the largest id of the whole vocabulary: take "
                 "the largest that occurs in this text."),
                (ids[-1] if ids else None, "max_token_id is the last id of the text: take the largest."),
                (len(set(ids)) - 1 if ids else None, "max_token_id is n_unique - 1: ids that occur have gaps between them."),
                (None if ids else seen.get("max_token_id"), "max_token_id of a text without tokens is None: no id occurs in it."),
            ],
        }  # fmt: skip
        for key, value in right.items():
            aspect = key if key in case.aspects else "any text"
            if key not in seen:
                yield Finding(aspect, f"The dictionary has no key {key!r}.", shorten(seen))
            elif not same(seen[key], value):
                got = seen[key]
                known = [message for value, message in mistakes[key] if same(got, value)]
                message = known[0] if len(known) == 1 else f"{key} is wrong."
                if type(got) is not int and got is not None:
                    message = f"{key} is {with_article(kind_of(got))}, expected an int."
                yield Finding(aspect, message, f"{case.name}: got {got!r}, expected {value!r}")


class CountPairs(Question):
    name = "lab01.count_pairs"
    aspects = {"counts": 0.5, "overlaps": 0.25, "short lists": 0.25}
    needs = {"short lists": "counts"}
    hints = (
        "Each id but the last has a right neighbour. How many pairs does a list of n ids have?",
        "zip(ids, ids[1:]) walks through the pairs; a dictionary keeps how often each was seen.",
        "counts[pair] = counts.get(pair, 0) + 1 for each pair, or collections.Counter.",
    )
    mistakes = {
        "no overlaps": "Overlapping pairs are counted once: in (a, a, a) the pair (a, a) stands twice.",
        "last pair missing": "The last pair is missing: a list of n ids has n - 1 pairs.",
        "wraps around": "The last id is paired with the first: the list is a line and not a ring.",
        "unordered": "A pair and its mirror image are counted together: (1, 2) is not (2, 1).",
        "every second": "Only every second pair is counted: each id but the last begins a pair.",
        "single ids": "Single ids are counted: count pairs of neighbours.",
        "once each": "Every pair has count 1: add one each time the pair is seen.",
        "one too few": "Every count is one too low: a pair that is seen for the first time has count 1.",
        "one too many": "Every count is one too high: a pair that is seen for the first time has count 1.",
        "turned round": "The keys are turned round: in [1, 2] the pair is (1, 2) and not (2, 1).",
        "not neighbours": "Pairs of ids that are no neighbours are counted too.",
    }

    def cases(self):
        yield Case("five ids", ("counts",), {"ids": [1, 2, 3, 1, 2]})
        yield Case("a pair and its mirror image", ("counts",), {"ids": [7, 9, 7, 7, 9]})
        yield Case("one id repeated", ("overlaps",), {"ids": [5, 5, 5, 5, 6]})
        yield Case("one id", ("short lists",), {"ids": [4]})
        yield Case("no id", ("short lists",), {"ids": []})

    def verdict(self, case, seen):
        wrong_type = list(self.of_type(dict, case, seen))
        yield from wrong_type
        if wrong_type:
            return
        keys = [key for key in seen if type(key) is not tuple]
        if keys:
            known = self.known_mistake(case, seen, case.aspects[0])
            message = f"The keys must be pairs (tuples of two ids); one is {with_article(kind_of(keys[0]))}."
            yield known or Finding(case.aspects[0], message, f"{case.name}: {shorten(seen)}")
            return
        yield from self.equal_to_right(case, seen, "Some counts are wrong.")


class Merge(Question):
    name = "lab01.merge"
    aspects = {"merging": 1, "overlap": 0.5, "input kept": 0.5}
    needs = {"input kept": "merging"}
    hints = (
        "Walk through the list with an index of your own. How far does it move after a merge, and how "
        "far when there is none?",
        "Build a new list. Where the pair stands at i, append new_id and go on at i + 2; elsewhere "
        "append ids[i] and go on at i + 1. The last id has no right neighbour: do not lose it.",
        "while i < len(ids): if i + 1 < len(ids) and (ids[i], ids[i + 1]) == pair: … else: …",
    )
    mistakes = {
        "overlapping": "A merged id was used again for the next pair: in (a, a, a) only the first two "
        "are merged, and the walk goes on behind them.",
        "from the right": "The pairs are merged from the right: begin at the left, so that (a, a, a) "
        "becomes (new, a).",
        "last id lost": "The last id is lost: it has no right neighbour, but it still belongs to the list.",
        "first only": "Only the first pair is merged: merge every one.",
        "second kept": "The second id of the pair is still there: the new id stands for both.",
        "single ids": "Single ids of the pair were replaced: only the two together, in this order, are merged.",
        "mirror image": "The pair was merged in the wrong order too: (1, 2) is not (2, 1).",
        "unchanged": "Nothing was merged. Is a list compared with a tuple somewhere? [1, 2] == (1, 2) is False.",
        "blind after a merge": "The id after a merge was copied without a look at it: it may begin the "
        "next pair.",
        "steps of two": "The walk moves on by two ids even where nothing was merged: then by one.",
        "last id twice": "The last id is there twice: it was part of the last pair.",
        "second kept, last lost": "The second id of the pair is still there, and the last id is lost: "
        "walk with an index of your own.",
        "always 256": "The new id is always 256: use new_id.",
    }

    def cases(self):
        yield Case(
            "two pairs", ("merging",), {"ids": [1, 2, 3, 1, 2, 2], "pair": (1, 2), "new_id": 300}
        )
        yield Case(
            "a pair at the end",
            ("merging",),
            {"ids": [2, 1, 2, 1, 2], "pair": (1, 2), "new_id": 256},
        )
        yield Case("no such pair", ("merging",), {"ids": [2, 1, 1], "pair": (1, 2), "new_id": 256})
        yield Case('"aaa"', ("overlap",), {"ids": [97, 97, 97], "pair": (97, 97), "new_id": 256})
        yield Case(
            '"aaaab"', ("overlap",), {"ids": [97, 97, 97, 97, 98], "pair": (97, 97), "new_id": 300}
        )
        yield Case(
            "the list afterwards",
            ("input kept",),
            {"ids": [1, 2, 1, 2], "pair": (1, 2), "new_id": 256},
        )

    def probe(self, answer, inputs):
        ids = list(inputs["ids"])
        result = answer(ids, inputs["pair"], inputs["new_id"])
        return None if result is None else {"result": result, "ids": ids}

    def comparable(self, case, seen):
        return seen["result"] if isinstance(seen, dict) else seen

    def verdict(self, case, seen):
        wrong_type = list(self.of_type(list, case, seen["result"]))
        yield from wrong_type
        if wrong_type:
            return
        if case.aspects == ("input kept",):
            if seen["ids"] != case.inputs["ids"]:
                yield Finding(
                    "input kept",
                    "The list that was passed in has changed: build a new one, its owner still needs it.",
                    f"{case.name}: {seen['ids']}, it was {case.inputs['ids']}",
                )
            return
        yield from self.equal_to_right(case, seen["result"], "The merged list is wrong.")


class TrainBpe(Question):
    name = "lab01.train_bpe"
    aspects = {"merges": 1.5, "bytes": 0.5, "ties": 1, "stop": 0.5, "refusal": 0.5}
    needs = {"ties": "merges", "stop": "merges", "refusal": "merges"}
    hints = (
        "You have both tools: count_pairs says what to merge, merge does it. What remains is a loop, a "
        "rule for ties, and two reasons to stop.",
        'Start from list(text.encode("utf-8")). Round i makes the id 256 + i. The best pair has the '
        "highest count, and among equals it is the smallest pair. Stop when the best count is 1.",
        "best = min(counts, key=lambda pair: (-counts[pair], pair)); leave the loop when there are no "
        "counts or counts[best] < 2; there are at most vocab_size - 256 rounds.",
    )
    mistakes = {
        "ties by the largest": "Ties go to the largest pair: among pairs with the highest count take "
        "the smallest, comparing first ids and then second ids.",
        "ties by the first seen": "Ties go to the pair that was seen first: take the smallest pair, so "
        "that the result does not depend on the order of the text.",
        "ties by the last seen": "Ties go to the pair that was seen last: take the smallest pair.",
        "characters": "The text was cut into characters (ord) and not into bytes: begin with "
        'text.encode("utf-8"), so that every id is below 256.',
        "never stops": "Pairs that occur once were merged too: stop when no pair repeats.",
        "vocab_size merges": "There are vocab_size merges: the 256 bytes count as tokens, so at most "
        "vocab_size - 256 merges are left.",
        "one merge short": "One merge is missing at the end: vocab_size - 256 merges fit.",
        "one merge too many": "There is one merge too many: vocab_size - 256 merges fit.",
        "ids from 255": "The first merged token got the id 255, which is a byte: the first new id is 256.",
        "ids from 257": "The first merged token got the id 257: the first new id is 256.",
        "all counted once": "The pairs were counted once, at the start: count again after each merge, "
        "because it makes new pairs.",
        "no new tokens": "The merged ids never take part in a merge: the pairs must be counted in the "
        "list that the last merge left.",
        "new ids first": "Every merge got the same new id: round i makes the id 256 + i.",
        "nothing merged": "The same pair comes again and again: merge returns a new list, keep it for "
        "the next round.",
        "stops at two": "The loop stops too early: a pair that occurs twice is still merged.",
        "words": "The text was cut into words first: here pairs may also cross blanks.",
        "ties by the first id": "Ties between pairs with the same first id go to the wrong one: compare "
        "the second ids then.",
        "non-overlapping counts": "Overlapping pairs were counted once: count_pairs counts (a, a) twice "
        "in (a, a, a).",
    }

    def cases(self):
        shops = "chop shops stop shop hop chop shops shops"
        yield Case("shops", ("merges",), {"text": shops, "vocab_size": 260})
        rain = "in brain drain trains in drain in"
        yield Case("rain", ("merges",), {"text": rain, "vocab_size": 259})
        yield Case("accents and Chinese", ("bytes",), {"text": "é中é中é中文é", "vocab_size": 260})
        four = (
            "kl,zy.ac;mn!kl?zy:ac-mn"  # four pairs twice: first, last, largest and smallest differ
        )
        yield Case("a tie", ("ties",), {"text": four, "vocab_size": 258})
        yield Case("one first id", ("ties",), {"text": "ac,ab.ac;ab", "vocab_size": 257})
        yield Case("nothing repeats", ("stop",), {"text": "abcdefg", "vocab_size": 300})
        yield Case("a short text", ("stop",), {"text": "abab", "vocab_size": 400})
        yield Case("a vocabulary of 255", ("refusal",), {"text": "abab", "vocab_size": 255})
        yield Case("a vocabulary of 256", ("refusal",), {"text": "abab", "vocab_size": 256})

    def probe(self, answer, inputs):
        if inputs["vocab_size"] < 256:
            return call(answer, *inputs.values())
        return super().probe(answer, inputs)

    def comparable(self, case, seen):
        return seen if case.inputs["vocab_size"] >= 256 else case.expected["right"]

    def verdict(self, case, seen):
        if case.inputs["vocab_size"] < 256:
            yield from _refused(
                self, case, seen, "vocab_size < 256: the 256 bytes need their tokens"
            )
            return
        wrong_type = list(self.of_type(list, case, seen))
        yield from wrong_type
        if wrong_type:
            return
        for pair in seen:
            message = ""
            if type(pair) is not tuple or len(pair) != 2:
                message = "The merges must be a list of pairs (tuples of two ids)."
            elif [type(part) for part in pair] != [int, int]:
                kinds = " and ".join(with_article(kind_of(part)) for part in pair)
                message = f"The merges must be a list of pairs of ids (int); one holds {kinds}."
            if message:
                yield Finding(case.aspects[0], message, f"{case.name}: one is {shorten(pair)}")
                return
        yield from self.equal_to_right(
            case,
            seen,
            "The merges are not the most frequent pairs. (Are count_pairs and merge right?)",
        )


def _has(seen, key: str) -> bool:
    return isinstance(seen, dict) and key in seen


def _refused(question: Question, case: Case, seen, reason: str):
    """A finding where bad arguments were not refused with a ValueError."""
    aspect = case.aspects[0]
    if "ValueError" in seen.get("kinds", []):
        return
    if "raised" in seen:
        message = (
            f"{question.answer_name} raised {seen['raised']}, expected a ValueError ({reason})."
        )
    else:
        message = f"{question.answer_name} did not raise a ValueError ({reason})."
    yield Finding(aspect, message, f"{case.name}: {shorten(seen)}")


class Encode(Question):
    name = "lab01.encode"
    aspects = {"order": 1.5, "nothing lost": 1, "bytes": 0.5}
    hints = (
        "Training left a list of merges in a certain order. What would happen to a text if they were "
        "applied in another?",
        "Begin with the text's bytes. Then go through the merges from first to last and apply each to "
        "the whole list. Your function merge does one such step.",
        'ids = list(text.encode("utf-8")); for i, pair in enumerate(merges): ids = merge(ids, pair, 256 + i)',
    )
    mistakes = {
        "reverse order": "The merges are applied in the wrong order, the last first: later merges are "
        "made of earlier ones.",
        "longest match": "The longest token that fits is taken from the left: BPE applies the merges in "
        "the order in which they were learned.",
        "characters": "The text was cut into characters (ord) and not into bytes: begin with "
        'text.encode("utf-8").',
        "no merges": "No merge was applied: these are the bytes.",
        "first merge only": "Each merge was applied to its first pair only: apply it to all of them.",
        "ids from 255": "The ids of the merges begin at 255: the first merge made 256.",
        "ids from 257": "The ids of the merges begin at 257: the first merge made 256.",
        "most frequent first": "The pair that is most frequent in this text was merged first: the order "
        "is that of the merges.",
        "last learned first": "Of the pairs that are there, the one learned last was merged first: take "
        "the one learned first.",
        "leftmost first": "Pairs were merged as they came from the left: apply the first merge to the "
        "whole list, then the second, and so on.",
        "words": "The text was cut into words first: here merges may cross blanks.",
        "one glance": "Only one pass was made over the bytes: what it merged can merge again.",
        "ids from 0": "The ids of the merges begin at 0, which is a byte: the first merge made 256.",
        "one pass": "Only one pass was made from left to right: a merge can make room for another.",
        "last merge forgotten": "The last merge was not applied.",
        "trained again": "The merges were learned again from this text: use those that were passed in.",
    }

    def cases(self):
        yield Case("known words", ("order",), {"text": "chop shop shops", "merges": SHOP})
        yield Case(
            "two ways to merge",
            ("order",),
            {"text": "abcd", "merges": [(98, 99), (256, 100), (97, 98)]},
        )
        yield Case(
            "a merge of merges",
            ("order",),
            {"text": "abcbc", "merges": [(98, 99), (97, 98), (97, 256)]},
        )
        yield Case(
            "merges that overlap",
            ("order",),
            {"text": "xbcab bcd", "merges": [(97, 98), (98, 99), (257, 100), (120, 257)]},
        )
        yield Case(
            "most frequent is not first",
            ("order",),
            {"text": "abcbcd", "merges": [(97, 98), (98, 99), (257, 100)]},
        )
        yield Case(
            "a merge that goes on",
            ("order",),
            {"text": "abcab", "merges": [(97, 98), (98, 99), (256, 99)]},
        )
        yield Case(
            "a merge across words",
            ("order",),
            {"text": "shop shop", "merges": [(112, 32), (256, 115)]},
        )
        yield Case("no merges", ("nothing lost",), {"text": "shop", "merges": []})
        yield Case(
            "other words", ("nothing lost",), {"text": "a hopeful\tshopper\x00\n", "merges": SHOP}
        )
        yield Case("the empty text", ("nothing lost",), {"text": "", "merges": SHOP})
        yield Case(
            "emoji and Chinese",
            ("bytes",),
            {"text": "🙂中文e\u0301", "merges": [(240, 159), (256, 153)]},
        )

    def verdict(self, case, seen):
        wrong_type = list(self.of_type(list, case, seen))
        yield from wrong_type
        if wrong_type:
            return
        if not same(seen, case.expected["right"]):
            known = self.known_mistake(case, seen, case.aspects[0])
            lost = "" if known else _bytes_lost(case.inputs, seen)
            if lost:
                yield Finding(case.aspects[0], lost, f"{case.name}: {shorten(seen)}")
            else:
                yield from self.equal_to_right(
                    case, seen, "The ids are wrong, though no byte is lost. (Is merge right?)"
                )


def _bytes_lost(inputs: dict, ids: list) -> str:
    """What is wrong where the ids do not spell the text's bytes, else an empty string."""
    spelled = {i: bytes([i]) for i in range(256)}
    for i, (a, b) in enumerate(inputs["merges"]):
        spelled[256 + i] = spelled[a] + spelled[b]
    unknown = [i for i in ids if type(i) is not int or i not in spelled]
    if unknown:
        return f"The list holds {shorten(unknown[0])}, which is no id of this vocabulary."
    if b"".join(spelled[i] for i in ids) != inputs["text"].encode():
        return "The ids do not spell the text: bytes are lost or added on the way."
    return ""


class Decode(Question):
    name = "lab01.decode"
    aspects = {"text": 1, "split characters": 0.5, "broken bytes": 0.5}
    needs = {"broken bytes": "text"}
    hints = (
        "Every id stands for some bytes: below 256 for one, above for those of its two parts. When may "
        "bytes be turned into characters?",
        "Make a table from id to bytes, in the order of the merges. Join the bytes of all ids first, "
        "and decode once, at the end.",
        "table[256 + i] = table[a] + table[b] for the i-th merge (a, b); then "
        'b"".join(…).decode("utf-8", errors="replace").',
    )
    mistakes = {
        "ignored": "Bytes that are no valid UTF-8 have vanished: errors=\"replace\" marks them with U+FFFD.",
        "token by token": "Each token was decoded by itself: a character can be split over tokens, so "
        "join all bytes first and decode once.",
        "Latin-1": "Bytes were taken for characters (chr or Latin-1): decode them as UTF-8.",
        "bytes only": "Ids from 256 on are missing: they stand for the bytes of their two parts.",
        "byte by byte": "Each byte was decoded by itself: a character can take several bytes, so join "
        "them first and decode once.",
        "all or nothing": "One broken byte has cost the whole text: only the broken bytes become U+FFFD.",
        "str of bytes": "str() of bytes gives b'…' with quotes and backslashes: use their method decode.",
        "stripped": "Blanks at the ends of the text are gone: the text comes back as it is.",
        "one level": "A merged token whose parts are merged themselves is spelled wrongly: follow the "
        "merges down to the bytes.",
        "parts swapped": "The two parts of a merged token are in the wrong order.",
        "bytes": "decode returned bytes: decode them to text at the end.",
        "backslashes": "Broken bytes are spelled with backslashes: errors=\"replace\" marks them with U+FFFD.",
        "surrogates": "Broken bytes became surrogates: errors=\"replace\" marks them with U+FFFD.",
        "ids from 257": "The ids of the merges begin at 257: the first merge made 256.",
    }  # fmt: skip

    def cases(self):
        smile = [(159, 153), (240, 256)]
        yield Case(
            "merged words", ("text",), {"ids": [258, 99, 257, 259, 115, 33, 32], "merges": SHOP}
        )
        yield Case("bytes only", ("text",), {"ids": [72, 105, 10, 0], "merges": []})
        yield Case("no ids", ("text",), {"ids": [], "merges": SHOP})
        yield Case(
            "an emoji in two tokens",
            ("split characters",),
            {"ids": [257, 130, 33], "merges": smile},
        )
        yield Case(
            "a Chinese character in bytes",
            ("split characters",),
            {"ids": [228, 184, 173], "merges": []},
        )
        yield Case("half an emoji", ("broken bytes",), {"ids": [72, 105, 257], "merges": smile})
        yield Case(
            "a byte that begins nothing", ("broken bytes",), {"ids": [97, 128, 98], "merges": []}
        )

    def verdict(self, case, seen):
        known = self.known_mistake(case, seen, case.aspects[0])
        if known:
            yield known
            return
        wrong_type = list(self.of_type(str, case, seen))
        yield from wrong_type
        if not wrong_type:
            yield from self.equal_to_right(case, seen, "The text is wrong.")


class ToTiktoken(Question):
    name = "lab01.to_tiktoken"
    aspects = {"ids": 1, "pattern": 0.5, "special tokens": 0.5}
    needs = {"special tokens": "ids"}
    hints = (
        "tiktoken does not ask for pairs: it asks for the bytes of every token and its rank. You know "
        "the bytes of every id from decode.",
        "tiktoken.Encoding(name, pat_str=…, mergeable_ranks=…, special_tokens=…). mergeable_ranks maps "
        "bytes to id: 256 single bytes, then one entry a merge. Special tokens do not belong in it.",
        "table = {i: bytes([i]) for i in range(256)}; table[256 + i] = table[a] + table[b]; "
        "mergeable_ranks = {token: i for i, token in table.items()}.",
    )
    mistakes = {
        "ranks from 257": "The merged tokens got ranks from 257: the first merge made 256.",
        "no merges": "The encoding knows single bytes only: add an entry for each merge.",
        "ranks reversed": "The merged tokens' ranks are reversed: the first merge has the lowest rank.",
        "no cuts": "The text was not cut by the pattern: pass it as pat_str.",
        "another pattern": "The text was cut by another pattern: pass the pattern that was given as pat_str.",
        "parts swapped": "The two parts of a merged token are in the wrong order.",
    }

    def cases(self):
        across = [(112, 32), (256, 115)]  # "p " and "p s" cross the cuts of the pattern
        end = {"<|endoftext|>": 300}  # the ids of special tokens need not follow on the others
        plain = {"merges": SHOP, "pattern": WORDS, "special_tokens": end}
        yield Case("known words", ("ids",), plain | {"text": "chop shop pot shops"})
        yield Case("all bytes", ("ids",), plain | {"text": "shop 中文 🙂 é"})
        yield Case(
            "merges across words", ("pattern",), plain | {"merges": across, "text": "shop shop"}
        )
        signs = plain | {"pattern": r"[a-z]+|[^a-z]+", "text": "shop, 12"}
        signs["merges"] = [(44, 32), (256, 49)]  # ", " and ", 1"
        yield Case("a pattern that keeps signs together", ("pattern",), signs)
        # This pattern does not cut the name into pieces.
        yield Case(
            "<|endoftext|> in a text",
            ("special tokens",),
            plain | {"pattern": r"\s?[a-z]+|<\S+>|.", "text": "shop<|endoftext|>"},
        )

    def probe(self, answer, inputs):
        try:
            encoding = answer(*copy.deepcopy(list(inputs.values())[:3]))
        except BaseException as error:
            if "duplicate token" in str(error):  # a Rust panic with a message of many lines
                return {"same rank": True}
            raise
        if not isinstance(encoding, tiktoken.Encoding):
            return encoding
        text, special = inputs["text"], list(inputs["special_tokens"])
        return {
            "ordinary": call(encoding.encode_ordinary, text),
            "by default": call(encoding.encode, text),
            "allowed": call(lambda: encoding.encode(text, allowed_special="all")),
            "special ids": {name: call(encoding.encode_single_token, name) for name in special},
            "special names": sorted(encoding.special_tokens_set),
        }

    def comparable(self, case, seen):
        return seen["ordinary"].get("returned") if _has(seen, "ordinary") else seen

    def verdict(self, case, seen):
        if _has(seen, "same rank"):
            message = (
                "Two tokens have the same rank, and tiktoken refuses that: the bytes take 0 to "
                "255, merge i takes 256 + i, special tokens what they were given."
            )
            yield Finding(case.aspects[0], message)
            return
        if not _has(seen, "ordinary"):
            yield from self.of_type(tiktoken.Encoding, case, seen)
            return
        aspect, ids = case.aspects[0], seen["ordinary"].get("returned")
        if ids is None:
            message = "The encoding cannot encode this text: every single byte must be in mergeable_ranks."
            yield Finding(aspect, message, f"{case.name}: {shorten(seen['ordinary'])}")
        elif aspect == "special tokens":
            yield from self._special(case, seen)
        else:
            yield from self.equal_to_right(case, ids, "The ids are not those of the merges.")

    def _special(self, case, seen):
        aspect, wanted = "special tokens", case.inputs["special_tokens"]
        for name, i in wanted.items():
            if name not in seen["special names"]:
                message = f"{name} is no special token of the encoding: pass special_tokens on."
                yield Finding(aspect, message)
            elif seen["special ids"][name].get("returned") != i:
                yield Finding(aspect, f"{name} has another id than the one it was given.")
        special = set(wanted.values())
        if special & set(seen["ordinary"]["returned"]):
            message = (
                "encode_ordinary gives the special id for text that only looks like a special token: "
                "special tokens do not belong in mergeable_ranks."
            )
            yield Finding(aspect, message)
        elif not special & set(seen["allowed"].get("returned", [])):
            yield Finding(aspect, "The special token is not found even where it is allowed.")
        elif "raised" not in seen["by default"]:
            yield Finding(aspect, "encode lets the special token through without being told to.")


class PadBatch(Question):
    name = "lab01.pad_batch"
    aspects = {"right side": 0.5, "left side": 0.5, "mask": 0.5, "dtype": 0.25, "empty batch": 0.25}
    needs = {"dtype": "right side", "empty batch": "right side"}
    hints = (
        "Both results have one row a sequence, as long as the longest. What does each row of the mask "
        "look like for the right side, and what for the left?",
        "The mask says where tokens stand, so make it from lengths and never from the ids: a pad id can "
        "also be a real token (GPT-2 pads with its end-of-text token).",
        "n = longest - len(ids); right: ids + [pad_id] * n with mask [1] * len(ids) + [0] * n; left: the "
        "other way round; torch.tensor(rows, dtype=torch.long).",
    )
    mistakes = {
        "sides swapped": "The sides are swapped: side is where the padding goes.",
        "always right": "The padding is on the right though side is \"left\".",
        "always left": "The padding is on the left though side is \"right\".",
        "wrong pad": "The padding is not pad_id.",
        "cut to the shortest": "The sequences were cut to the shortest: tokens are lost.",
        "reversed": "The ids of a row are reversed.",
        "mask from ids": "The mask marks a real token as padding because its id is pad_id: make the mask "
        "from the lengths.",
        "mask inverted": "The mask is inverted: 1 is a token, 0 is padding.",
        "mask all ones": "The mask is 1 everywhere: padding must get 0.",
        "mask on the other side": "The mask pads the other side than the ids.",
        "results swapped": "The two results are swapped: input_ids come first, then attention_mask.",
        "mask padded with pad_id": "The mask is padded with pad_id: its padding is 0.",
        "batch second": "The batch is the second dimension: one row a sequence (batch_first).",
        "rows moved": "The rows are in another order than the sequences.",
        "one column too many": "There is a column of padding that no row needs: the longest row has none.",
    }  # fmt: skip

    def cases(self):
        batch = {"sequences": [[8], [5, 6, 7, 2], [9, 4]], "pad_id": 3}
        yield Case("three rows, right", ("right side",), batch | {"side": "right"})
        yield Case("three rows, left", ("left side",), batch | {"side": "left"})
        same_id = {"sequences": [[3, 0, 3], [0, 3], []], "pad_id": 0}
        yield Case("pad_id is a token too, right", ("mask",), same_id | {"side": "right"})
        yield Case("pad_id is a token too, left", ("mask",), same_id | {"side": "left"})
        yield Case("types", ("dtype",), batch | {"side": "right"})
        yield Case(
            "no row at all", ("empty batch",), {"sequences": [], "pad_id": 0, "side": "right"}
        )

    def probe(self, answer, inputs):
        sequences, pad_id, side = copy.deepcopy(list(inputs.values()))
        if not sequences:
            return call(answer, sequences, pad_id, side)
        # The right side is the default.
        result = (
            answer(sequences, pad_id) if side == "right" else answer(sequences, pad_id, side=side)
        )
        if isinstance(result, (tuple, list)) and len(result) == 2:
            first, second = map(tensor_facts, result)
            return {"input_ids": first, "attention_mask": second, "sequences": sequences}
        return None if result is None else {"other": type_name(result)}

    def verdict(self, case, seen):
        aspect = case.aspects[0]
        if aspect == "empty batch":
            yield from _refused(self, case, seen, "a batch needs at least one sequence")
            return
        if not _has(seen, "input_ids"):
            found = with_article(seen["other"])
            message = f"pad_batch must return two tensors, input_ids and attention_mask; it returned {found}."
            yield Finding(aspect, message)
            return
        if seen["sequences"] != case.inputs["sequences"]:
            message = "The sequences that were passed in have changed: build new rows, their owner still needs them."
            yield Finding(aspect, message)
            return
        for name in ("input_ids", "attention_mask"):
            facts = seen[name]
            if aspect == "dtype":
                yield from _long_tensor(name, facts)
            elif not isinstance(facts["value"], torch.Tensor):
                found = facts["kind"]
                yield Finding(aspect, f"{name} is a {found}, expected a torch.Tensor.")
                return
        if aspect == "dtype":
            return
        values = self.comparable(case, seen)
        known = self.known_mistake(case, values, aspect)
        for name, value, right in zip(
            ("input_ids", "attention_mask"), values, case.expected["right"], strict=True
        ):
            differs = compare(right, tensor_facts(value), name)
            if differs:
                message = known.message if known else differs.message + "."
                detail = f"{case.name}: {differs.message}, {differs.where}"
                yield Finding(aspect, message, detail, differs.picture)
                return

    def comparable(self, case, seen):
        """The two tensors as long, whatever their type was: the aspect "dtype" scores that."""
        if not case.inputs["sequences"]:
            return case.expected["right"]
        if not _has(seen, "input_ids"):
            return seen
        values = (seen["input_ids"]["value"], seen["attention_mask"]["value"])
        tensors = all(isinstance(value, torch.Tensor) for value in values)
        return tuple(value.long() for value in values) if tensors else values


def _long_tensor(name: str, facts: dict):
    if facts["kind"] != "torch.Tensor":
        yield Finding("dtype", f"{name} is a {facts['kind']}, expected a torch.Tensor.")
    elif facts["dtype"] != "torch.int64":
        yield Finding(
            "dtype", f"{name} has dtype {facts['dtype']}, expected torch.int64 (torch.long)."
        )


class LeadingSpace(Question):
    name = "lab01.leading_space"
    aspects = {"plain and spaced": 0.5, "add_prefix_space": 0.25, "tokenizer kept": 0.25}
    needs = {"tokenizer kept": "plain and spaced"}
    hints = (
        "Three lists of ids. Two come from the tokenizer as it is; for the third, ask what "
        "add_prefix_space would put in front of the text.",
        "tokenizer(text).input_ids gives the ids of one text. A second tokenizer with another setting "
        "can be loaded from where the first came: tokenizer.name_or_path.",
        "type(tokenizer).from_pretrained(tokenizer.name_or_path, add_prefix_space=True), and then its "
        'ids of "Hello world".',
    )

    def cases(self):
        yield Case(
            "the course's tokenizer", ("plain and spaced", "add_prefix_space"), {"model": "gpt2"}
        )
        yield Case("the tokenizer afterwards", ("tokenizer kept",), {"model": "gpt2"})

    def probe(self, answer, inputs):
        tokenizer = GPT2Tokenizer.from_pretrained(course.model_path(inputs["model"]))
        result = answer(tokenizer)
        if result is None:
            return None
        return {"result": result, "afterwards": tokenizer("Hello world").input_ids}

    def verdict(self, case, seen):
        result = seen["result"]
        wrong_type = list(self.of_type(dict, case, result))
        yield from wrong_type
        if wrong_type:
            return
        tokenizer = GPT2Tokenizer.from_pretrained(course.model_path(case.inputs["model"]))
        plain, spaced = tokenizer("Hello world").input_ids, tokenizer(" Hello world").input_ids
        changed = seen["afterwards"] != plain
        if case.aspects == ("tokenizer kept",):
            if changed:
                message = (
                    "The tokenizer that was passed in has changed: it now adds a space for everyone "
                    "who uses it. Load a second one."
                )
                yield Finding("tokenizer kept", message)
            return
        rights = {"plain": plain, "spaced": spaced, "prefixed": spaced}
        for key, right in rights.items():
            aspect = "add_prefix_space" if key == "prefixed" else "plain and spaced"
            if key not in result:
                yield Finding(aspect, f"The dictionary has no key {key!r}.")
            elif not same(result[key], right):
                message = _leading_space_mistake(key, result[key], rights, tokenizer)
                if changed and result[key] == spaced:
                    message = f"{key!r} came after the tokenizer was changed: load a second one."
                yield Finding(
                    aspect, message, f"got {shorten(result[key])}, expected {shorten(right)}"
                )


def _leading_space_mistake(key: str, got, rights: dict, tokenizer) -> str:
    if not isinstance(got, list):
        return f"{key!r} is {with_article(kind_of(got))}, expected a list of ids."
    if got in ([15496, 995], [18435, 995]):
        return f"{key!r} is the ids of the real GPT-2: load from tokenizer.name_or_path."
    if key == "prefixed" and got == rights["plain"]:
        return "'prefixed' is the same as 'plain': add_prefix_space=True had no effect."
    if key == "prefixed" and got == tokenizer("  Hello world").input_ids:
        return (
            "'prefixed' has two spaces in front: add_prefix_space adds one to a text without any."
        )
    if key == "spaced" and got == rights["plain"]:
        return "'spaced' is the same as 'plain': the space in front of the text was lost."
    if key == "plain" and got == rights["spaced"]:
        return "'plain' is the ids of the text with a space in front: the two are swapped."
    if got and isinstance(got[0], list):
        return f"{key!r} is a list of lists: tokenize one text, not a batch of one."
    if got and isinstance(got[0], str):
        return f"{key!r} holds the tokens' text: give their ids."
    return f"{key!r} is not the ids of that text."
