"""Tokens to parts, by recursive descent over the grammar of the language definition."""

from __future__ import annotations

from collections.abc import Callable

from llmgw_middleware.cel.fault import ExpressionError
from llmgw_middleware.cel.lexer import RESERVED, Token, fault, tokens
from llmgw_middleware.cel.limits import HEIGHT, LONGEST_TEXT, NESTING
from llmgw_middleware.cel.syntax import (
    Binary,
    Call,
    Choice,
    Ident,
    Index,
    ListOf,
    Literal,
    Logic,
    MapOf,
    Part,
    Select,
    Unary,
    inside,
)
from llmgw_middleware.cel.values import INT_MAX

_CONSTANTS = {"true": True, "false": False, "null": None}
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">=", "in"})


def parse(text: str) -> Part:
    """Return the parts of ``text``; raises ExpressionError with line and column."""
    if len(text) > LONGEST_TEXT:
        raise ExpressionError(f"the expression is {len(text)} characters long, {LONGEST_TEXT} are allowed")
    if not text.strip():
        raise ExpressionError("the expression is empty")
    part = _Parser(text).whole()
    deep = _too_high(part)
    if deep is not None:
        raise fault(text, deep.start, f"more than {HEIGHT} operations hang on one another here")
    return part


def _too_high(root: Part) -> Part | None:
    """Return a part that hangs too deep. The walk keeps its own stack: the text may be deeper than Python's."""
    waiting = [(root, 1)]
    while waiting:
        part, height = waiting.pop()
        if height > HEIGHT:
            return part
        waiting.extend((inner, height + 1) for inner in inside(part))
    return None


class _Parser:
    """Reads one text once, from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(tokens(text))
        self._at = 0
        self._depth = 0

    def whole(self) -> Part:
        part = self._expression()
        if self._token.kind != "end":
            raise self._unexpected("the end of the expression, or an operator")
        return part

    @property
    def _token(self) -> Token:
        return self._tokens[self._at]

    def _next(self) -> Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _sees(self, *marks: str) -> bool:
        token = self._token
        return token.kind == "mark" and token.text in marks

    def _takes(self, mark: str) -> bool:
        if self._sees(mark):
            self._at += 1
            return True
        return False

    def _needs(self, mark: str) -> Token:
        if not self._sees(mark):
            raise self._unexpected(f'"{mark}"')
        return self._next()

    def _unexpected(self, wanted: str) -> ExpressionError:
        token = self._token
        if token.kind == "end":
            return fault(self._text, token.start, f"the expression ends where {wanted} should stand")
        hint = {"and": "&&", "or": "||", "not": "!"}.get(token.text)
        if self._text[token.start : token.start + 1] == "=":
            hint = "=="
        return fault(
            self._text,
            token.start,
            f'"{token.text}" stands where {wanted} should stand',
            None if hint is None else f"CEL writes {hint}",
        )

    def _nested(self) -> Part:
        """Read an expression inside brackets."""
        self._depth += 1
        if self._depth > NESTING:
            raise fault(self._text, self._token.start, f"brackets stand more than {NESTING} deep")
        part = self._expression()
        self._depth -= 1
        return part

    @property
    def _ended(self) -> int:
        """Where the last token that was read ends: brackets belong to what they enclose."""
        return self._tokens[self._at - 1].end

    def _expression(self) -> Part:
        start = self._token.start
        condition = self._logic("||", lambda: self._logic("&&", self._comparison))
        if not self._takes("?"):
            return condition
        # `a ? b : c ? d : e` is a chain, not a nest: read in a loop, it costs no depth.
        chain = []
        while True:
            then = self._logic("||", lambda: self._logic("&&", self._comparison))
            if self._sees("?"):
                raise fault(self._text, self._token.start, "a choice inside a choice needs brackets")
            self._needs(":")
            chain.append((start, condition, then))
            start = self._token.start
            condition = self._logic("||", lambda: self._logic("&&", self._comparison))
            if not self._takes("?"):
                break
        other, end = condition, self._ended
        for start, asked, then in reversed(chain):
            other = Choice(start, end, asked, then, other)
        return other

    def _logic(self, mark: str, term: Callable[[], Part]) -> Part:
        start = self._token.start
        first = term()
        if not self._sees(mark):
            return first
        terms = [first]
        while self._takes(mark):
            terms.append(term())
        return Logic(start, self._ended, mark, tuple(terms))

    def _comparison(self) -> Part:
        return self._chain(_COMPARISONS, self._sum)

    def _sum(self) -> Part:
        return self._chain(frozenset("+-"), self._product)

    def _product(self) -> Part:
        return self._chain(frozenset("*/%"), self._unary)

    def _chain(self, marks: frozenset[str], term: Callable[[], Part]) -> Part:
        start = self._token.start
        left = term()
        while self._token.kind == "mark" and self._token.text in marks:
            mark = self._next().text
            right = term()
            left = Binary(start, self._ended, mark, left, right)
        return left

    def _unary(self) -> Part:
        marks = []
        while self._sees("!", "-"):
            marks.append(self._next())
        if marks and marks[-1].text == "-" and self._is_number():
            minus = marks.pop()
            operand = self._members(self._negative(minus), minus.start)
        else:
            start = self._token.start
            operand = self._members(self._primary(), start)
        for mark in reversed(marks):
            operand = Unary(mark.start, self._ended, mark.text, operand)
        return operand

    def _is_number(self) -> bool:
        token = self._token
        return token.kind == "literal" and type(token.value) in {int, float}

    def _negative(self, minus: Token) -> Literal:
        token = self._next()
        return Literal(minus.start, token.end, -token.value)

    def _members(self, part: Part, start: int) -> Part:
        while True:
            if self._takes("."):
                part = self._member(part, start)
            elif self._takes("["):
                optional = self._takes("?")
                key = self._nested()
                part = Index(start, self._needs("]").end, part, key, optional)
            elif self._sees("{") and _dotted(part):
                raise fault(
                    self._text, part.start, "messages such as Name{…} are not supported", "write a map"
                )
            else:
                return part

    def _member(self, operand: Part, start: int) -> Part:
        optional = self._takes("?")
        token = self._next()
        if not (token.kind in {"name", "escaped"} or token.text == "in"):
            self._at -= 1
            raise self._unexpected("the name of a field")
        if self._sees("(") and not optional and token.kind == "name":
            args, end = self._arguments()
            return Call(start, end, operand, token.text, args, token.start)
        return Select(start, token.end, operand, token.text, optional)

    def _arguments(self) -> tuple[tuple[Part, ...], int]:
        self._needs("(")
        args: list[Part] = []
        while not self._sees(")"):
            args.append(self._nested())
            if not self._takes(","):
                break
        return tuple(args), self._needs(")").end

    def _primary(self) -> Part:
        token = self._next()
        if token.kind == "literal":
            if type(token.value) is int and token.value > INT_MAX:
                raise fault(self._text, token.start, f"{token.text} is no 64-bit integer")
            return Literal(token.start, token.end, token.value)
        if token.kind == "name":
            return self._named(token, rooted=False)
        if token.text in _CONSTANTS:
            return Literal(token.start, token.end, _CONSTANTS[token.text])
        if token.text == "." and self._token.kind == "name":
            return self._named(self._next(), rooted=True)
        if token.text == "(":
            part = self._nested()
            self._needs(")")
            return part
        if token.text == "[":
            return self._list(token)
        if token.text == "{":
            return self._map(token)
        self._at -= 1
        raise self._unexpected("a value")

    def _named(self, token: Token, *, rooted: bool) -> Part:
        if token.text in RESERVED:
            raise fault(self._text, token.start, f'"{token.text}" is a reserved word')
        if self._sees("("):
            args, end = self._arguments()
            return Call(token.start, end, None, token.text, args, token.start)
        return Ident(token.start, token.end, token.text, rooted)

    def _list(self, opening: Token) -> ListOf:
        items = []
        while not self._sees("]"):
            optional = self._takes("?")
            items.append((self._nested(), optional))
            if not self._takes(","):
                break
        return ListOf(opening.start, self._needs("]").end, tuple(items))

    def _map(self, opening: Token) -> MapOf:
        entries = []
        while not self._sees("}"):
            optional = self._takes("?")
            key = self._nested()
            self._needs(":")
            entries.append((key, self._nested(), optional))
            if not self._takes(","):
                break
        return MapOf(opening.start, self._needs("}").end, tuple(entries))


def _dotted(part: Part) -> bool:
    while isinstance(part, Select):
        part = part.operand
    return isinstance(part, Ident)
