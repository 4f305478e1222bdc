"""What the mock says: short texts that echo what was asked and name who served it. The same question, the same answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

QUOTED = 120
"""Characters of the caller's words that are quoted back."""

TOPIC = 6
"""Words of the caller that make a topic."""

_COMMON = (
    "a about an and are can code could do does for from function give haiku help how i in is it list make me my of on "
    "please poem program python script should show some song steps story tell that the this to us want was way ways "
    "what when where which who why with write you your"
)
_STOPWORDS = frozenset(_COMMON.split())

_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "greeting",
        re.compile(r"\s*(hi|hello|hey|hallo|good (morning|day|evening))\b[^?]{0,30}$", re.IGNORECASE),
    ),
    ("thanks", re.compile(r"\s*(thanks|thank you|cheers)\b", re.IGNORECASE)),
    ("who", re.compile(r"\b(who are you|which model|what model|your name)\b", re.IGNORECASE)),
    ("poem", re.compile(r"\b(poem|haiku|song|verse|story)\b", re.IGNORECASE)),
    ("code", re.compile(r"\b(code|function|python|script|program|regex)\b", re.IGNORECASE)),
    ("list", re.compile(r"\b(list|ideas|steps|ways|tips|how (do|can|should|to))\b", re.IGNORECASE)),
    ("question", re.compile(r"\?\s*$")),
)

_TEXTS: Mapping[str, str] = {
    "greeting": (
        "Hello! I am **{model}**, answering from *{name}*.\n\n"
        "No real model is behind me, so I cost nothing and I always have time. Ask me for a list, a poem or a piece "
        "of code and watch it arrive word by word."
    ),
    "thanks": "You are welcome. It was **{model}** at *{name}*, and it was no trouble: I make it all up.",
    "who": (
        "I am **{model}**, served by *{name}*.\n\n"
        "The gateway looked at who you are, went through its rules, and sent you to me. Somebody else may well get "
        "another model for the same question."
    ),
    "poem": (
        "**{Topic}**\n\nA word, then a word,  \nand the stream runs past midnight:  \n{topic}, no bill.\n\n"
        "By **{model}**, at *{name}*."
    ),
    "code": (
        "**{Topic}**, a start in Python:\n\n"
        "```python\ndef {slug}(items):\n    for number, item in enumerate(items, start=1):\n"
        '        yield f"{{number}}. {{item}}"\n```\n\n'
        "It runs, it is short, and it does less than you hoped. That is **{model}** at *{name}* for you."
    ),
    "list": (
        "**{Topic}**, in three steps:\n\n"
        "1. **Say what done means.** One sentence that somebody else could check.\n"
        "2. **Try the smallest piece.** An afternoon, one person, nothing that cannot be undone.\n"
        "3. **Keep what worked** and write down what did not.\n\n"
        "That was **{model}** at *{name}*. A real model would have given you ten."
    ),
    "question": (
        "You ask: “{quote}”\n\n"
        "I am **{model}** at *{name}*, a stand-in that knows nothing about “{topic}”. What I know for certain is how your "
        "question got here: a rule matched, a backend was chosen, and these words are coming back through the "
        "gateway one by one."
    ),
    "statement": (
        "You wrote: “{quote}”\n\n"
        "Noted by **{model}** at *{name}*. On “{topic}” I have no opinion, but I have a steady voice: every word of "
        "this answer is its own event, so you can see whether something on the way holds them back."
    ),
    "silence": "You sent no words that I can read, so **{model}** at *{name}* has nothing to echo.",
}


def answer_text(name: str, model: str, messages: Sequence[Any]) -> str:
    """Return the answer of provider ``name`` to a conversation."""
    if messages and _role(messages[-1]) in {"tool", "function"}:
        return _after_tool(name, model, text_of(messages[-1]))
    asked = [text_of(message) for message in messages if _role(message) == "user"]
    last = asked[-1] if asked else ""
    answer = _TEXTS[_kind(last)].format(
        name=name,
        model=model,
        quote=_quote(last),
        topic=_topic(last),
        Topic=_upper(_topic(last)),
        slug=_slug(last),
    )
    return answer + _memory(asked)


def text_of(message: Any) -> str:
    """Return a message's text: its content, or the text parts of it."""
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, list):
        parts = (part.get("text") for part in content if isinstance(part, dict))
        return " ".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


def words_of(text: str) -> list[str]:
    """Return the words with the white space behind them; joined they are the text."""
    return re.findall(r"\s*\S+\s*", text)


def _role(message: Any) -> Any:
    return message.get("role") if isinstance(message, dict) else None


def _kind(text: str) -> str:
    if not text.strip():
        return "silence"
    return next((kind for kind, pattern in _KINDS if pattern.search(text)), "statement")


def _quote(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= QUOTED else flat[:QUOTED].rsplit(" ", 1)[0] + " …"


def _topic(text: str) -> str:
    """Return the caller's own words from the first that means something to the last, six at most."""
    words = list(re.finditer(r"[^\W_]+", text))
    told = [index for index, word in enumerate(words) if word[0].lower() not in _STOPWORDS]
    if not told:
        return "that"
    first = min(index for index in told if index > told[-1] - TOPIC)
    return " ".join(text[words[first].start() : words[told[-1]].end()].split())


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _slug(text: str) -> str:
    words = [word.lower() for word in re.findall(r"[a-zA-Z]+", _topic(text))]
    return "_".join([word for word in words if word not in _STOPWORDS][-2:]) or "answer"


def _memory(asked: Sequence[str]) -> str:
    if len(asked) < 3:  # noqa: PLR2004 - two messages are no memory worth a remark
        return ""
    return f"\n\n(That was your message number {len(asked)}. It all began with “{_quote(asked[0])}”)"


def _after_tool(name: str, model: str, result: str) -> str:
    return f"The tool answered: {_quote(result) or 'nothing'}\n\nThat is all **{model}** at *{name}* needed to know."
