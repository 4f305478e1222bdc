"""Expressions and transforms, judged where they stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from llmgw_middleware.cel.code import OPEN
from llmgw_middleware.cel.fault import ExpressionError
from llmgw_middleware.cel.program import Program, compile_expression
from llmgw_middleware.cel.variables import BEFORE, GATEWAY, REPLY, ROUTED
from llmgw_middleware.cel.vocabulary import Vocabulary
from llmgw_middleware.config.problem import Report
from llmgw_middleware.config.tree import Position
from llmgw_middleware.config.words.kinds import PSEUDO
from llmgw_middleware.config.words.transform import (
    ChangesWord,
    FirstChangesWord,
    GatewayTransformWord,
    RequestChangesWord,
    RouteTransformWord,
)
from llmgw_middleware.model.expression import Expression
from llmgw_middleware.model.transform import NO_CHANGES, Changes, Put, Transform

_FRAMING: Final = frozenset(
    {
        "connection",
        "content-length",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers by which messages are told apart: they belong to the client and the server that send them."""


class ExpressionReader:
    """Reads expressions; what is wrong with them is reported with its place in the file and in the text."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def condition(self, text: str | None, at: Position) -> tuple[Expression, ...]:
        """Return a ``when`` as a tuple, empty if there is none."""
        if text is None:
            return ()
        program = self._program(text, at, GATEWAY)
        if program is not None and program.value is not OPEN and type(program.value) is not bool:
            self._report.error(
                "bad_expression", at, "A condition is true or false; this one is always something else."
            )
        return (Expression(text=text, where=str(at)),)

    def judge(self, expression: Expression | None, at: Position) -> None:
        """Report what is wrong with an expression over a request."""
        if expression is not None:
            self._program(expression.text, at, GATEWAY)

    def transform(self, word: RouteTransformWord) -> Transform:
        """Return what a route does to requests and answers."""
        return Transform(
            request=self._of_request(word.request, ROUTED),
            response=self._of_headers(word.response, REPLY),
        )

    def before_routing(self, word: GatewayTransformWord) -> tuple[Changes, Changes]:
        """Return what happens before routing, and to every answer."""
        return self._of_request(word.request, BEFORE), self._of_headers(word.response, REPLY)

    def _program(self, text: str, at: Position, vocabulary: Vocabulary) -> Program | None:
        try:
            return compile_expression(text, where=str(at), vocabulary=vocabulary)
        except ExpressionError as error:
            message = f"The expression is wrong at {error.line}:{error.column}: {error.message}."
            self._report.error("bad_expression", at, message, error.hint)
            return None

    def _value(self, text: str, at: Position, vocabulary: Vocabulary) -> Expression:
        self._program(text, at, vocabulary)
        return Expression(text=text, where=str(at))

    def _of_request(self, word: RequestChangesWord, vocabulary: Vocabulary) -> Changes:
        headers = self._of_headers(word, vocabulary)
        replace = word.replace if isinstance(word, FirstChangesWord) else None
        found = Changes(
            metadata=headers.metadata,
            replace=self._optional(replace, word.at("replace"), vocabulary),
            add=headers.add,
            set=headers.set,
            remove=headers.remove,
            body=self._optional(word.body, word.at("body"), vocabulary),
            body_set=tuple(
                Put(name=one.field, value=self._value(one.value, one.at("value"), vocabulary))
                for one in word.body_set
            ),
            body_remove=word.body_remove,
        )
        self._judge_paths(word)
        return found

    def _optional(self, text: str | None, at: Position, vocabulary: Vocabulary) -> Expression | None:
        return None if text is None else self._value(text, at, vocabulary)

    def _of_headers(self, word: ChangesWord, vocabulary: Vocabulary) -> Changes:
        changes = Changes(
            metadata=self._metadata(word.metadata, word, vocabulary),
            add=self._puts(word, "add", vocabulary),
            set=self._puts(word, "set", vocabulary),
            remove=word.remove,
        )
        for index, name in enumerate(word.remove):
            self._judge_name(name, word.at("remove", index), vocabulary)
        return NO_CHANGES if changes == NO_CHANGES else changes

    def _metadata(
        self, values: Mapping[str, str], word: ChangesWord, vocabulary: Vocabulary
    ) -> tuple[Put, ...]:
        return tuple(
            Put(name=name, value=self._value(text, word.at("metadata", name), vocabulary))
            for name, text in values.items()
        )

    def _puts(self, word: ChangesWord, key: str, vocabulary: Vocabulary) -> tuple[Put, ...]:
        found = []
        for one in getattr(word, key):
            self._judge_name(one.name, one.at("name"), vocabulary)
            found.append(Put(name=one.name, value=self._value(one.value, one.at("value"), vocabulary)))
        return tuple(found)

    def _judge_name(self, name: str, at: Position, vocabulary: Vocabulary) -> None:
        if vocabulary is BEFORE:
            return  # what rules see of a request is nobody's framing
        if name in _FRAMING:
            self._report.error(
                "bad_header",
                at,
                f'"{name}" is set by whoever sends the message, not by a transform.',
                "leave it out",
            )
        elif name in PSEUDO:
            self._report.error(
                "bad_header",
                at,
                f'"{name}" can be changed before routing only, for the rules.',
                "rewrite: changes the path that is sent upstream",
            )

    def _judge_paths(self, word: RequestChangesWord) -> None:
        places = [(one.field, one.at("field")) for one in word.body_set]
        places += [(path, word.at("bodyRemove", index)) for index, path in enumerate(word.body_remove)]
        for path, at in places:
            if not all(path.split(".")):
                self._report.error("bad_value", at, f'"{path}" is no dotted path such as metadata.team.')
