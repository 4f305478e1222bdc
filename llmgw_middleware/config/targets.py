"""What routes can name: backends and pools, declared, defined in a pool, given by address, or only named."""

from __future__ import annotations

from llmgw_middleware.config.address import Address, address, looks_like_address
from llmgw_middleware.config.problem import Report
from llmgw_middleware.config.spelling import did_you_mean
from llmgw_middleware.config.tree import Position
from llmgw_middleware.config.upstream import Definition, price_of
from llmgw_middleware.config.words.backend import BackendWord, MemberWord, PoolWord
from llmgw_middleware.model.backend import Backend, HealthCheck, Member, Pool


class Targets:
    """Collects every backend and pool. Ask ``refer`` for each name that is used, then ``backends`` and ``pools``."""

    def __init__(self, words: tuple[BackendWord | PoolWord, ...], report: Report) -> None:
        self._report = report
        self._declared: dict[str, Position] = {}
        self._definitions: dict[str, Definition] = {}
        self._pools: dict[str, PoolWord] = {}
        self._addresses: dict[str, Backend] = {}
        self._mentions: dict[str, Position] = {}
        for word in words:
            self._declare(word)
        for pool in self._pools.values():
            self._define_members(pool)

    def refer(self, name: str, at: Position) -> str:
        """Note that ``name`` is used at ``at``, and return the target's name. An address becomes a backend."""
        if name in self._pools or name in self._definitions:
            return name
        if looks_like_address(name):
            self._by_address(name, at)
        else:
            self._mentions.setdefault(name, at)
        return name

    def pools(self) -> dict[str, Pool]:
        """Return every pool, and refer to its members."""
        return {name: self._pool(word) for name, word in self._pools.items()}

    def backends(self) -> dict[str, Backend]:
        """Return every backend, those that are only named too; each of those is reported."""
        found = {name: definition.backend(self._report) for name, definition in self._definitions.items()}
        found |= self._addresses
        known = [name for name, backend in found.items() if backend.resolved] + list(self._pools)
        for name, at in self._mentions.items():
            found[name] = Backend(name=name, where=str(at))
            self._unresolved(name, at, known)
        for name, definition in self._definitions.items():
            if not found[name].resolved and not definition.url_unknown:
                self._unresolved(name, definition.named_at, [other for other in known if other != name])
        return found

    def _unresolved(self, name: str, at: Position, known: list[str]) -> None:
        hint = did_you_mean(name, known) or "give it a url or a provider under backends"
        self._report.unmet(
            "unresolved_backend", at, f'The backend "{name}" is only named: nobody says where it is.', hint
        )

    def _declare(self, word: BackendWord | PoolWord) -> None:
        first = self._declared.setdefault(word.name, word.at("name"))
        if first != word.at("name"):
            self._report.error(
                "duplicate_name",
                word.at("name"),
                f'Another backend or pool at {first} is called "{word.name}" too.',
            )
        elif isinstance(word, PoolWord):
            self._pools[word.name] = word
        else:
            self._definitions[word.name] = Definition(word)

    def _define_members(self, pool: PoolWord) -> None:
        """Take over the definitions that stand inside a pool, and merge them with those of the same name."""
        for member in pool.backends:
            if not _defines(member) or member.name in self._pools:
                continue
            if member.name in self._definitions:
                self._definitions[member.name].add(member, self._report)
            else:
                self._definitions[member.name] = Definition(member)

    def _pool(self, word: PoolWord) -> Pool:
        members = tuple(self._member(member) for member in word.backends)
        self._judge(word, members)
        check = word.health_check
        return Pool(
            name=word.name,
            members=members,
            strategy=word.strategy,
            fallback=word.fallback,
            health_check=None
            if check is None
            else HealthCheck(
                interval=check.interval,
                timeout=check.timeout,
                path=check.path,
                unhealthy_after=check.unhealthy_after,
                healthy_after=check.healthy_after,
            ),
            where=str(word.at()),
        )

    def _member(self, word: MemberWord) -> Member:
        if word.name in self._pools:
            self._report.error(
                "pool_in_pool",
                word.at("name"),
                f'"{word.name}" is a pool; a pool cannot be a member of a pool.',
            )
        price = price_of(word, self._report)
        return Member(
            backend=self.refer(word.name, word.at("name")),
            weight=word.weight,
            price=price,
            priority=word.priority,
        )

    def _judge(self, word: PoolWord, members: tuple[Member, ...]) -> None:
        names = [member.backend for member in members]
        for index, name in enumerate(names):
            if name in names[:index]:
                self._report.error(
                    "duplicate_name",
                    word.at("backends", index, "name"),
                    f'The pool "{word.name}" has "{name}" twice.',
                )
        if not members:
            self._report.error("bad_value", word.at("backends"), f'The pool "{word.name}" has no members.')
        elif not any(member.weight for member in members):
            self._report.error(
                "bad_weight", word.at("backends"), f'All weights of the pool "{word.name}" are zero.'
            )

    def _by_address(self, text: str, at: Position) -> None:
        try:
            found: Address = address(text)
        except ValueError as error:
            self._report.error("bad_url", at, str(error))
            return
        self._addresses[text] = Backend(name=text, url=found.url, bare=found.bare, where=str(at))


_MEMBER_KEYS = frozenset({"name", "weight", "cost_per_token", "price", "priority"})


def _defines(member: MemberWord) -> bool:
    return bool(member.given - _MEMBER_KEYS)
