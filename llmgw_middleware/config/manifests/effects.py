"""What filters and policies do to requests of a rule, as keys of a route."""

from __future__ import annotations

from collections.abc import Iterable

from llmgw_middleware.config.manifests.transforms import lay_headers
from llmgw_middleware.config.node import Node
from llmgw_middleware.config.tree import Position, Scalar, Table
from llmgw_middleware.config.writing import items, put_first, table, value

_NEVER = "24h"
"""Stands for no limit of time at all."""


def lay_filters(filters: Iterable[Node], route: Table, mirror_to: list[tuple[Node, Scalar | None]]) -> None:
    """Put on ``route`` what filters do. Mirrors are only collected: their targets have names of their own."""
    for one in filters:
        kind = one.text("type")
        if kind == "RequestHeaderModifier":
            lay_headers(one.node("requestHeaderModifier"), "request", route)
        elif kind == "ResponseHeaderModifier":
            lay_headers(one.node("responseHeaderModifier"), "response", route)
        elif kind == "URLRewrite":
            _rewrite(one.node("urlRewrite"), route)
        elif kind == "RequestMirror":
            _mirror(one.node("requestMirror"), mirror_to)
        elif kind == "ExtensionRef":
            _extension(one)
        elif kind == "ExternalAuth":
            one.leave_guard_out("externalAuth")
        elif kind == "CORS":
            one.leave_out("cors", why="is the host application's business and left out")
        elif kind == "RequestRedirect":
            one.leave_out("requestRedirect")
        else:
            one.wrong("type", "a filter of the Gateway API")


def headers_of_side(filters: Iterable[Node], at: Position) -> Table:
    """Return the headers that filters of one side of a split set. Other filters hold for whole rules only."""
    made = table(at)
    for one in filters:
        changes = one.node("requestHeaderModifier")
        if one.text("type") != "RequestHeaderModifier" or changes is None:
            one.leave_out("type", why="is no filter that one side of a split can have here")
            continue
        for put in (*changes.nodes("add"), *changes.nodes("set")):
            name, text = put.scalar("name"), put.scalar("value")
            if name is not None and text is not None:
                made.put(name.text, text, name.at)
        changes.skip("remove")  # of a caller's headers only those that a dialect knows cross at all
    return made


def redirects(filters: Iterable[Node]) -> bool:
    """Whether a rule redirects its callers."""
    return any(one.text("type") == "RequestRedirect" for one in filters)


def lay_times(times: Node | None, route: Table) -> None:
    """Put the limit of time of a rule or a policy on ``route``."""
    if times is None:
        return
    limit = times.scalar("request")
    if limit is not None:
        shown = value(_NEVER, limit.at) if limit.text in {"0", "0s", "0ms", "0m", "0h"} else limit
        put_first(route, "timeout", table(limit.at, read=shown))
    times.leave_out("backendRequest", why="limits one attempt: set timeout.read on the backend instead")


def lay_retry(retry: Node | None, route: Table) -> None:
    """Put repetition on ``route``. ``attempts`` counts repeats; ours count the first attempt too."""
    if retry is None:
        return
    at = retry.at()
    attempts = retry.whole("attempts")
    codes = [code for code in retry.scalars("codes") if _is_error(code)]
    words = table(
        at,
        maxAttempts=value(min(20, 1 + (1 if attempts is None else attempts)), at),
        retryOn=items(at, codes) if codes else None,
        initialInterval=retry.scalar("backoff"),
    )
    put_first(route, "retry", words)


def lay_answer(traffic: Node, route: Table) -> None:
    """Answer at once instead of asking a backend, where a policy says so by a plain error."""
    direct = traffic.node("directResponse")
    status = None if direct is None else direct.whole("status")
    if direct is None or "respond" in route:
        return
    if direct.has("conditional") or direct.has("bodyExpression") or not 400 <= (status or 0) <= 599:  # noqa: PLR2004 - the classes of errors
        traffic.leave_guard_out("directResponse")
        direct.skip("conditional", "bodyExpression", "body")
        return
    for lead in ("backend", "backends", "sticky"):
        route.pop(lead, None)
    answer = table(direct.at(), status=direct.scalar("status"), code=value("direct_response", direct.at()))
    if (message := direct.scalar("body")) is not None:
        answer.put("message", message, message.at)
    route.put("respond", answer, direct.at())


def _is_error(code: Scalar) -> bool:
    return isinstance(code.value, int) and 400 <= code.value <= 599  # noqa: PLR2004 - the classes of errors


def _rewrite(rewrite: Node | None, route: Table) -> None:
    if rewrite is None:
        return
    rewrite.leave_out("hostname", why="names a host, and an upstream is sent the one of its url")
    path = rewrite.node("path")
    if path is None:
        return
    whole, prefix = path.scalar("replaceFullPath"), path.scalar("replacePrefixMatch")
    kind = path.text("type")
    if kind == "ReplaceFullPath" and whole is not None:
        route.put("rewrite", table(whole.at, path=whole), whole.at)
    elif kind == "ReplacePrefixMatch" and prefix is not None:
        route.put("rewrite", table(prefix.at, prefix=prefix), prefix.at)
    else:
        path.wrong("type", "ReplaceFullPath or ReplacePrefixMatch, with its value")


def _mirror(mirror: Node | None, mirror_to: list[tuple[Node, Scalar | None]]) -> None:
    if mirror is None:
        return
    ref, percent = mirror.node("backendRef"), mirror.scalar("percent")
    fraction = mirror.node("fraction")
    if fraction is not None:
        part, of = fraction.whole("numerator") or 0, fraction.whole("denominator") or 100
        percent = value(100 * part / of, fraction.at())
    if ref is not None:
        mirror_to.append((ref, percent))


def _extension(one: Node) -> None:
    """Accept a reference to a policy: what it says is done where the policy says so (routing.md 3)."""
    ref = one.node("extensionRef")
    if ref is None:
        return
    name = ref.text("name")
    ref.skip("group")
    if ref.text("kind") == "AgentgatewayPolicy":
        ref.note(
            "no_effect",
            "name",
            f'the reference to the policy "{name}" does nothing here: the policy runs for what it targets.',
        )
    else:
        ref.leave_out("kind", why="is no policy that is known here")
