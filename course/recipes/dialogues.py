"""Composes the chat model's training dialogues from the hand-written sentences in `dialogues_data`.

    python -m course.recipes.dialogues

prints how many dialogues there are per category and language, and three samples of each.
"""

import json
import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from course.hub import ASSETS

DATA = Path(__file__).parent / "dialogues_data"
HELD_OUT = ASSETS / "dialogues_held_out.json"

N_DIALOGUES = 36_000
ENGLISH_SHARE = 0.6
CATEGORIES = {
    "concepts": 0.24,
    "identity": 0.08,
    "sums": 0.11,
    "system": 0.13,
    "facts": 0.27,
    "mixtures": 0.17,
}
MAX_SIZE = 165  # of a dialogue, as `size` estimates it; a test holds the real tokens to 200
AGES = range(4, 100)
HAN = "[\u4e00-\u9fff]"
OTHER = {"en": "zh", "zh": "en"}

Message = dict[str, str]
Exchange = tuple[str, str]  # what the user says, what the assistant answers


@dataclass(frozen=True)
class Dialogue:
    category: str
    language: str
    messages: list[Message]


def training(rng: random.Random, n: int | None = None) -> list[list[Message]]:
    """The training dialogues: lists of messages that end with the assistant's."""
    return [dialogue.messages for dialogue in compose(rng, n or N_DIALOGUES)]


def held_out() -> list[dict]:
    """The 100 fixed test dialogues, each with an id, category, language, messages and a rule."""
    return json.loads(HELD_OUT.read_text(encoding="utf-8"))


def score(test: dict, reply: str) -> bool:
    """Whether the reply follows the test's rule: `exact`, or `any`/`all` of its words, and `none`.

    Case and punctuation do not count. English words are looked for as whole words, Chinese ones
    anywhere; a word that ends with `*` may go on, and `HAN` is any Chinese character.
    """
    rule = test["rule"]
    if "exact" in rule:
        return normal(reply) == normal(rule["exact"])
    if any(_says(reply, word) for word in rule.get("none", [])):
        return False
    if not all(_says(reply, word) for word in rule.get("all", [])):
        return False
    return any(_says(reply, word) for word in rule["any"]) if "any" in rule else True


def _says(reply: str, word: str) -> bool:
    if word == HAN:
        return bool(re.search(HAN, reply))
    stem = normal(word.removesuffix("*"))
    end = "" if word.endswith("*") else r"(?![a-z0-9])"
    return bool(re.search(rf"(?<![a-z0-9]){re.escape(stem)}{end}", normal(reply)))


def normal(text: str) -> str:
    """The text in lower case and without punctuation; spaces stand between English words only."""
    words = " ".join(re.sub(r"[^\w+=]|_", " ", text.lower()).split())
    return re.sub(r"(?<=[^a-z0-9]) | (?=[^a-z0-9])", "", words)


def compose(rng: random.Random, n: int = N_DIALOGUES) -> list[Dialogue]:
    """`n` dialogues in random order, none with a held-out question or value."""
    dialogues = []
    for category, share in CATEGORIES.items():
        for language, part in (("en", ENGLISH_SHARE), ("zh", 1 - ENGLISH_SHARE)):
            for _ in range(round(n * share * part)):
                dialogues.append(_one(rng, category, language))
    rng.shuffle(dialogues)
    return dialogues


def size(messages: list[Message]) -> float:
    """About the number of tokens, marks included; needs no vocabulary, which is made from these."""
    text = "".join(message["content"] for message in messages)
    n_latin = sum(c.isascii() for c in text)
    return n_latin / 3 + 1.4 * (len(text) - n_latin) + 5 * len(messages)


def _one(rng: random.Random, category: str, language: str) -> Dialogue:
    while True:
        messages = BUILDERS[category](rng, language)
        if size(messages) <= MAX_SIZE and not is_held_out(messages):
            return Dialogue(category, language, messages)


def is_held_out(messages: list[Message]) -> bool:
    """Whether a held-out question, name or value stands in it."""
    questions, values = _kept_apart()
    return any(
        (message["role"] == "user" and normal(message["content"]) in questions)
        or values.search(message["content"])
        for message in messages
    )


@cache
def _kept_apart() -> tuple[frozenset[str], re.Pattern]:
    """The held-out last questions, and a pattern that finds any held-out name or value."""
    tests = held_out()
    questions = frozenset(normal(test["messages"][-1]["content"]) for test in tests)
    values = sorted({value for test in tests for value in test.get("values", [])})
    bounded = [rf"(?<![A-Za-z0-9]){re.escape(v)}(?![A-Za-z0-9])" for v in values]
    return questions, re.compile("|".join(bounded) or r"(?!)", re.IGNORECASE)


# --- the hand-written sentences


def _sections(name: str) -> dict[str, list[str]]:
    """The lines of a data file under each of its `# titles`."""
    sections: dict[str, list[str]] = {}
    for line in (DATA / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            lines = sections.setdefault(line[2:], [])
        elif line:
            lines.append(line)
    return sections


def _marked(lines: list[str], mark: str) -> list[str]:
    """The lines that begin with the mark, without it."""
    return [line[len(mark) + 1 :] for line in lines if line.startswith(mark + " ")]


@dataclass(frozen=True)
class Topic:
    """Questions that all have one answer; those in `short` can be answered with the word too."""

    questions: list[str]
    answer: str
    short: list[str]
    word: str | None
    names: list[list[str]] = field(default_factory=list)  # with an article, and without


ABOUT = {
    "en": [
        "What is {a}?",
        "What's {a}?",
        "What is {a}?",
        "What exactly is {a}?",
        "Explain {a}.",
        "Explain {a} to me.",
        "Can you explain {a}?",
        "Can you explain what {a} is?",
        "Could you tell me what {a} is?",
        "Tell me what {a} is.",
        "Tell me about {a}.",
        "Tell me something about {a}.",
        "Describe {a}.",
        "Define {b}.",
        "What does {b} mean?",
        'What do you mean by "{b}"?',
        'What is meant by "{b}"?',
        'What is the meaning of "{b}"?',
        "What do you know about {a}?",
        "I want to know what {a} is.",
        "I do not know what {a} is.",
        "How would you explain {a}?",
        "Do you know what {a} is?",
        "Help me understand {a}.",
        "In short, what is {a}?",
        "What is {a} for?",
        "What is {a} used for?",
        "What is the idea of {a}?",
        "What is the purpose of {a}?",
        "Why is {a} important?",
        "Give me a short explanation of {a}.",
        "Say in one sentence what {a} is.",
        "Remind me what {a} is.",
        "I have a question about {a}.",
        "I do not understand {a}.",
        "Can you describe {a}?",
        "{B}?",
    ],
    "en plural": [
        "What are {a}?",
        "What exactly are {a}?",
        "Explain {a}.",
        "Explain {a} to me.",
        "Can you explain {a}?",
        "Could you tell me what {a} are?",
        "Tell me what {a} are.",
        "Tell me about {a}.",
        "Describe {a}.",
        "What do you know about {a}?",
        "I want to know what {a} are.",
        "Help me understand {a}.",
        "What are {a} for?",
        "What are {a} used for?",
        "Why are {a} important?",
        "Give me a short explanation of {a}.",
        "Remind me what {a} are.",
        "{B}?",
    ],
    "zh": [
        "什么是{b}？",
        "{b}是什么？",
        "{b}是什么意思？",
        "{b}指的是什么？",
        "什么叫{b}？",
        "解释一下{b}。",
        "请解释{b}。",
        "请介绍一下{b}。",
        "介绍一下{b}。",
        "说说{b}。",
        "说说什么是{b}。",
        "讲讲{b}。",
        "给我讲讲{b}。",
        "能讲讲{b}吗？",
        "能解释一下{b}吗？",
        "你知道{b}是什么吗？",
        "告诉我{b}是什么。",
        "怎么理解{b}？",
        "如何理解{b}？",
        "我想知道{b}是什么。",
        "我不懂{b}。",
        "简单说说{b}。",
        "用一句话说说{b}。",
        "{b}是怎么回事？",
        "{b}是用来做什么的？",
        "{b}有什么作用？",
        "为什么{b}很重要？",
        "关于{b}，你知道什么？",
        "我有一个关于{b}的问题。",
        "我不明白{b}是什么。",
        "提醒我一下{b}是什么。",
        "你能说明一下{b}吗？",
        "请说明{b}是什么。",
        "{b}？",
    ],
}


@cache
def concepts(language: str) -> dict[str, Topic]:
    """The topics about the course's own subject, by id; the ids are the same in both languages."""
    topics = {}
    for title, lines in _sections(f"concepts_{language}.txt").items():
        names = [name.split(" / ") for name in _marked(lines, "*")]
        plurals = _marked(lines, "*s")
        short = _marked(lines, "?")
        asked = [form.format(a=n[0], b=n[-1], B=_capital(n[-1])) for n in names
                 for form in ABOUT[language]]  # fmt: skip
        if language == "zh":  # a bare English name does not show that Chinese is spoken
            asked = [question for question in asked if re.search(HAN, question)]
        asked += [form.format(a=n, B=_capital(n)) for n in plurals for form in ABOUT["en plural"]]
        own = _marked(lines, "-") + short
        weight = max(1, len(asked) // (2 * len(own)))  # own questions are a third of all
        words = [n[-1] for n in names if " " not in n[-1]] + [n for n in plurals if " " not in n]
        topics[title] = Topic(
            questions=asked + own * weight,
            answer=_marked(lines, ">")[0],
            short=short if words else [],
            word=_capital(words[0]) if words else None,
            names=names,
        )
    return topics


@cache
def small_talk(language: str) -> dict[str, Topic]:
    """Greetings, questions about the assistant, and what else people say, by id."""
    return {
        title: Topic(_marked(lines, "-"), _marked(lines, ">")[0], [], None)
        for title, lines in _sections(f"small_talk_{language}.txt").items()
    }


@cache
def facts(language: str) -> dict[str, list[str]]:
    return _sections(f"facts_{language}.txt")


@cache
def values(language: str) -> dict[str, list[str]]:
    """Names, cities, colours, pets and jobs, and the syllables of made-up names."""
    return {
        title: [value.strip() for line in lines for value in line.split(",")]
        for title, lines in _sections(f"values_{language}.txt").items()
    }


@cache
def system_prompts(language: str) -> dict[str, list[str]]:
    return _sections(f"system_{language}.txt")


@cache
def sums(language: str) -> dict[str, list[str]]:
    return _sections(f"sums_{language}.txt")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


# --- one exchange


IDENTITY = (
    "who", "your-name", "person", "robot", "maker", "ability",
    "size", "age-bot", "languages", "feelings",
)  # fmt: skip
YES_NO = {"person": {"en": "No.", "zh": "不是。"}, "robot": {"en": "Yes.", "zh": "是。"}}
ONE_WORD = {
    "hello": {"en": "Hello!", "zh": "你好！"},
    "thanks": {"en": "Welcome!", "zh": "不客气！"},
    "bye": {"en": "Goodbye!", "zh": "再见！"},
    "who": {"en": "Assistant.", "zh": "助手。"},
}
OPENINGS = {
    "en": ["Hello, ", "Hi, ", "Hey, ", "So, ", "Now, ", "And ", "Okay, ", "Well, ", "One question: ",
           "Another question: ", "Please tell me, ", "Now tell me: ", "Excuse me, ", "By the way, "],
    "zh": ["请问，", "请问", "你好，", "那么，", "那", "我想问一下，", "问一下，", "再问一下，",
           "还有，", "对了，", "请告诉我，", "现在请告诉我，", "顺便问一下，", "好，"],
}  # fmt: skip
NEVER_LOWER = re.compile(r"(I|[A-Z]\w*[A-Z0-9-]\w*|Adam|Chinese|English|Qwen)\b")


def styled(rng: random.Random, text: str, language: str) -> str:
    """The text as people type it: sometimes with a polite word, in lower case, without its mark."""
    if text.endswith(("?", "？")) and len(text) > 8 - 4 * (language == "zh"):
        if rng.random() < 0.15:
            rest = text
            if language == "en" and not NEVER_LOWER.match(text):
                rest = text[0].lower() + text[1:]
            opening = rng.choice(OPENINGS[language])
            text = rest if text.startswith(opening.strip("，, ")) else opening + rest
            text = _capital(text)
        elif language == "en" and rng.random() < 0.06:
            text = text[:-1] + ", please?"
    if language == "en" and rng.random() < 0.25:
        text = text.lower()
    if rng.random() < 0.3:
        text = text.rstrip("?？.。!！").rstrip() or text
    return text


def ask_concept(rng: random.Random, language: str, reply_in: str | None = None) -> Exchange:
    title = rng.choice(list(concepts(language)))
    question = rng.choice(concepts(language)[title].questions)
    return styled(rng, question, language), concepts(reply_in or language)[title].answer


def ask_for_word(rng: random.Random, language: str) -> Exchange:
    """A question that one word answers, with the word."""
    kind = rng.random()
    if kind < 0.45:
        topic = rng.choice([topic for topic in concepts(language).values() if topic.short])
        return styled(rng, rng.choice(topic.short), language), topic.word + STOP[language]
    if kind < 0.75:
        question, answer = ask_sum(rng, language)
        number = re.findall(r"\d+", answer)[-1]
        return question, number + STOP[language]
    if kind < 0.87:
        title = rng.choice(list(YES_NO))
        questions = small_talk(language)[title].questions
        yes_no = [q for q in questions if re.match(r"(Are|Am|Is|Do) (?!.* or )|.*(?<!女的)吗？", q)]
        return styled(rng, rng.choice(yes_no), language), YES_NO[title][language]
    title = rng.choice(list(ONE_WORD))
    question = rng.choice(small_talk(language)[title].questions)
    return styled(rng, question, language), ONE_WORD[title][language]


STOP = {"en": ".", "zh": "。"}


def ask_identity(rng: random.Random, language: str, reply_in: str | None = None) -> Exchange:
    return _talk(rng, language, rng.choice(IDENTITY), reply_in)


def talk(rng: random.Random, language: str, reply_in: str | None = None) -> Exchange:
    titles = [title for title in small_talk(language) if title not in IDENTITY]
    return _talk(rng, language, rng.choice(titles), reply_in)


def _talk(rng: random.Random, language: str, title: str, reply_in: str | None) -> Exchange:
    question = rng.choice(small_talk(language)[title].questions)
    return styled(rng, question, language), small_talk(reply_in or language)[title].answer


def ask_sum(rng: random.Random, language: str, reply_in: str | None = None) -> Exchange:
    """A one-digit sum, in digits or in words; the answer is always in digits."""
    a, b = rng.randrange(10), rng.randrange(10)
    form = rng.choice(sums(language)["question"])
    if "apples" in form and a < 2:
        form = sums(language)["question"][0]
    words = sums(language)["word"][0].split(", ")
    in_words = rng.random() < 0.25 and not re.search(r"[+=]|苹果", form)
    x, y = (words[a], words[b]) if in_words else (a, b)
    question = styled(rng, _capital(form.format(x, y)), language)
    if "+" in question and rng.random() < 0.3:
        question = (
            question.replace(" + ", "+") if language == "en" else question.replace("+", " + ")
        )
    return question, sums(reply_in or language)["answer"][0].format(a, b, a + b)


def a_filler(rng: random.Random, language: str) -> Exchange:
    """Something else between two turns that belong together."""
    kind = rng.random()
    if kind < 0.4:
        return talk(rng, language)
    if kind < 0.6:
        return ask_sum(rng, language)
    return (ask_identity if kind < 0.75 else ask_concept)(rng, language)


# --- facts that the user tells


KINDS = ("name", "city", "colour", "age", "pet", "job")
KIND_WEIGHTS = (4, 2, 2, 1.5, 1.5, 1.5)


def a_kind(rng: random.Random) -> str:
    return rng.choices(KINDS, KIND_WEIGHTS)[0]


def a_value(rng: random.Random, kind: str, language: str) -> str:
    if kind == "name":
        return a_name(rng, language)
    if kind == "age":
        return str(rng.choice(AGES))
    if kind == "city" and rng.random() < 0.3:
        return a_place(rng, language)
    return rng.choice(values(language)[kind])


def a_name(rng: random.Random, language: str) -> str:
    """A name from the lists, or one made of syllables or characters so that copying is learned."""
    known, kind = values(language), rng.random()
    if language == "en":
        if kind < 0.5:
            return rng.choice(known["name"])
        if kind < 0.56:
            return rng.choice(known["other"])
        syllables = "".join(rng.choices(known["syllable"], k=rng.choice([1, 2, 2, 3])))
        return (syllables + rng.choice(known["ending"])).capitalize()
    if kind < 0.35:
        return rng.choice(known["name"])
    if kind < 0.42:
        return rng.choice(values("en")["name"])
    given = "".join(rng.choices(known["character"], k=rng.choice([1, 2, 2, 2])))
    if len(given) == 1:
        return rng.choice(["小", "阿", *known["surname"]]) + given
    return given if kind < 0.75 else rng.choice(known["surname"]) + given


PLACE_ENDINGS = (
    "burg",
    "ville",
    "ton",
    "field",
    "port",
    "stad",
    "mouth",
    "grad",
    "bridge",
    "haven",
)
PLACE_CHARACTERS = "州城阳山海江河湖安宁平川门口原岭"


def a_place(rng: random.Random, language: str) -> str:
    """A made-up town."""
    if language == "en":
        syllables = "".join(rng.choices(values("en")["syllable"], k=rng.choice([1, 2])))
        return (syllables + rng.choice(PLACE_ENDINGS)).capitalize()
    return rng.choice(values("zh")["character"]) + rng.choice(PLACE_CHARACTERS)


def tell(rng: random.Random, kind: str, value: str, language: str,
         reply_in: str | None = None) -> Exchange:  # fmt: skip
    lines = facts(language)[kind]
    said = styled_fact(rng, rng.choice(_marked(lines, "t")), value, language)
    reply = _marked(facts(reply_in or language)[kind], "r")[0]
    return said, reply.format(value)


def styled_fact(rng: random.Random, form: str, value: str, language: str) -> str:
    """Like `styled`, but the value keeps its case and its last letter."""
    return styled(rng, form, language).format(value)


def recall(rng: random.Random, kind: str, value: str | None, language: str,
           reply_in: str | None = None) -> Exchange:  # fmt: skip
    """Asks for a fact; without a value the answer is that it was never told."""
    question = styled(rng, rng.choice(_marked(facts(language)[kind], "q")), language)
    lines = facts(reply_in or language)[kind]
    answer = _marked(lines, "n")[0] if value is None else _marked(lines, "a")[0].format(value)
    return question, answer


def pick(rng: random.Random, language: str) -> list[Exchange]:
    """Both pick a colour; later one of the two is asked for, so that it matters who spoke."""
    lines = facts(language)["pick"]
    mine, yours = rng.sample(values(language)["colour"], 2)
    said = styled_fact(rng, rng.choice(_marked(lines, "i")), mine, language)
    invite = rng.choice(_marked(lines, "p"))
    space = " " if language == "en" else ""
    opening = rng.random() < 0.6
    first = (said + (STOP[language] if said[-1] not in ".。" else "") + space + invite
             if opening else styled(rng, invite, language))  # fmt: skip
    of_you = not opening or rng.random() < 0.5
    question = styled(rng, rng.choice(_marked(lines, "q" if of_you else "m")), language)
    answer = _marked(lines, "a" if of_you else "y")[0].format(yours if of_you else mine)
    between = [a_filler(rng, language) for _ in range(rng.choice([0, 0, 1]))]
    return [(first, _marked(lines, "r")[0].format(yours)), *between, (question, answer)]


def repeat(rng: random.Random, said: str, language: str) -> Exchange:
    return styled(rng, rng.choice(_marked(facts(language)["repeat"], "q")), language), said


# --- whole dialogues


def _messages(exchanges: list[Exchange], system: str | None = None) -> list[Message]:
    messages = [{"role": "system", "content": system}] if system else []
    for user, assistant in exchanges:
        messages.append({"role": "user", "content": user})
        messages.append({"role": "assistant", "content": assistant})
    return messages


def _plain_system(rng: random.Random, language: str, share: float = 0.2) -> str | None:
    """Now and then a system prompt that changes nothing, or asks for the language anyhow."""
    if rng.random() > share:
        return None
    own = "english" if language == "en" else "chinese"
    return rng.choice(system_prompts(language)[rng.choice(["plain", "plain", own])])


def _single(ask: Callable) -> Callable:
    def build(rng: random.Random, language: str) -> list[Message]:
        return _messages([ask(rng, language)], _plain_system(rng, language))

    return build


def _identity(rng: random.Random, language: str) -> list[Message]:
    ask = rng.choice([ask_identity, ask_identity, talk])
    return _messages([ask(rng, language)], _plain_system(rng, language))


def _facts(rng: random.Random, language: str) -> list[Message]:
    system = _plain_system(rng, language)
    kind = rng.random()
    if kind < 0.12:
        return _messages(pick(rng, language), system)
    if kind < 0.17:
        exchanges = [a_filler(rng, language) for _ in range(rng.choice([0, 1]))]
        exchanges.append(recall(rng, a_kind(rng), None, language))
        return _messages(exchanges, system)
    known = {a_kind(rng): "" for _ in range(rng.choice([1, 1, 2, 2, 3]))}
    exchanges = []
    for kind in known:
        known[kind] = a_value(rng, kind, language)
        exchanges.append(tell(rng, kind, known[kind], language))
        if rng.random() < 0.3:
            exchanges.append(a_filler(rng, language))
    exchanges += [a_filler(rng, language) for _ in range(rng.choice([0, 0, 1, 1, 2]))]
    asked = rng.sample(list(known), rng.randint(1, min(2, len(known))))
    exchanges += [recall(rng, kind, known[kind], language) for kind in asked]
    return _messages(exchanges, system)


def _system(rng: random.Random, language: str) -> list[Message]:
    """The category's language is the system prompt's; the user writes in either."""
    order = rng.choice(["english", "chinese", "word"])
    system = rng.choice(system_prompts(language)[order])
    spoken = language if rng.random() < 0.5 else OTHER[language]
    n = rng.choice([1, 1, 1, 2])
    if order == "word":
        if rng.random() < 0.25:
            return _messages(_one_word_fact(rng, spoken), system)
        return _messages([ask_for_word(rng, spoken) for _ in range(n)], system)
    reply_in = "en" if order == "english" else "zh"
    if rng.random() < 0.7:
        spoken = OTHER[reply_in]
    if rng.random() < 0.2:
        kind = rng.choice(["name", "name", "age"])
        value = a_value(rng, kind, spoken)
        exchanges = [tell(rng, kind, value, spoken, reply_in)]
        exchanges.append(recall(rng, kind, value, spoken, reply_in))
        return _messages(exchanges, system)
    asks = rng.choices([ask_concept, ask_identity, talk, ask_sum], [6, 2, 2, 1], k=n)
    return _messages([ask(rng, spoken, reply_in) for ask in asks], system)


def _one_word_fact(rng: random.Random, language: str) -> list[Exchange]:
    kind = rng.choice(["name", "city", "colour"])
    value = a_value(rng, kind, language)
    said, _ = tell(rng, kind, value, language)
    question, _ = recall(rng, kind, value, language)
    noted = {"en": "Noted.", "zh": "好的。"}[language]
    return [(said, noted), (question, _capital(value) + STOP[language])]


def _mixture(rng: random.Random, language: str) -> list[Message]:
    """Two to six exchanges of everything."""
    n = rng.choice([2, 3, 3, 4, 4, 5, 5, 6])
    exchanges: list[Exchange] = []
    known: dict[str, str] = {}
    if rng.random() < 0.35:
        exchanges.append(talk(rng, language))
    while len(exchanges) < n:
        step = rng.random()
        if step < 0.22 and len(known) < 3:
            kind = a_kind(rng)
            if kind not in known:
                known[kind] = a_value(rng, kind, language)
                exchanges.append(tell(rng, kind, known[kind], language))
        elif step < 0.45 and known:
            kind = rng.choice(list(known))
            exchanges.append(recall(rng, kind, known[kind], language))
        elif step < 0.53 and exchanges:
            exchanges.append(repeat(rng, exchanges[-1][1], language))
        elif step < 0.6:
            exchanges.append(talk(rng, language))
        elif step < 0.7:
            exchanges.append(ask_identity(rng, language))
        elif step < 0.82:
            exchanges.append(ask_sum(rng, language))
        else:
            exchanges.append(ask_concept(rng, language))
    return _messages(exchanges, _plain_system(rng, language, 0.3))


BUILDERS: dict[str, Callable[[random.Random, str], list[Message]]] = {
    "concepts": _single(ask_concept),
    "identity": _identity,
    "sums": _single(ask_sum),
    "system": _system,
    "facts": _facts,
    "mixtures": _mixture,
}


def main() -> None:
    dialogues = compose(random.Random(0))
    tests = Counter((test["category"], test["language"]) for test in held_out())
    counts = Counter((dialogue.category, dialogue.language) for dialogue in dialogues)
    for (category, language), count in sorted(counts.items()):
        print(f"\n{category} {language}: {count} dialogues, {tests[category, language]} held out")
        same = [d for d in dialogues if (d.category, d.language) == (category, language)]
        for dialogue in same[:3]:
            turns = (f"{message['role']}: {message['content']}" for message in dialogue.messages)
            print("  " + " | ".join(turns))
    print(f"\n{len(dialogues)} dialogues, {sum(tests.values())} held out")


if __name__ == "__main__":
    main()
