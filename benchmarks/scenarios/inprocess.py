"""What is measured without sockets."""

from __future__ import annotations

from benchmarks.figures import Line, Target, number, signed
from benchmarks.lab import Lab, inside

PASSING = Target(bound=1.5, text="≤ +1.5 µs")
BODY = Target(bound=1.5, text="≤ 1.5 ×")
PACKAGE = Target(bound=60.0, text="≤ +60 ms")
LOADED = Target(bound=200.0, text="≤ +200 ms")


def passing(lab: Lab) -> list[Line]:
    """A request that is not the gateway's, on its way to the application."""
    found = inside("passing", str(max(200, int(20_000 * lab.scale))))
    added = found["through"] - found["direct"]
    return [
        Line(
            figure="CPU µs of a request that is not ours, against the bare application",
            value=number(found["through"]),
            baseline=number(found["direct"]),
            ratio=f"{signed(added)} µs",
            judged=added,
            target=PASSING,
        )
    ]


def core(lab: Lab) -> list[Line]:
    """The middleware alone: no server, no sockets, an upstream in memory."""
    found = inside("core", str(max(50, int(2_000 * lab.scale))))
    return [
        Line(figure="CPU µs per request, without server and sockets", value=number(found["request"])),
        Line(figure="CPU µs per event, without server and sockets", value=number(found["event"])),
    ]


def bodies(lab: Lab) -> list[Line]:
    """Bodies of 1 KB, 32 KB and 1 MB under a rule on the model, against the bare msgspec pass."""
    found = inside("bodies", str(max(50, int(2_000 * lab.scale))))
    fixed = found["handle_1"] - found["pass_1"]
    lines = []
    for size, name in ((1, "1 KB"), (32, "32 KB"), (1024, "1 MB")):
        whole, bare = found[f"handle_{size}"], found[f"pass_{size}"]
        ratio = whole / bare
        lines.append(
            Line(
                figure=f"CPU µs of Gateway.handle, {name}, against the msgspec pass",
                value=number(whole),
                baseline=number(bare),
                ratio=f"{ratio:.2f} ×",
                judged=ratio,
                target=BODY if size == 1024 else None,
            )
        )
    beyond = (found["handle_1024"] - fixed) / found["pass_1024"]
    lines.append(
        Line(
            figure="the same for 1 MB, less what 1 KB costs",
            value=number(found["handle_1024"] - fixed),
            baseline=number(found["pass_1024"]),
            ratio=f"{beyond:.2f} ×",
        )
    )
    return lines


def imports(lab: Lab) -> list[Line]:
    """CPU from the start of the interpreter, over bare Python with asyncio and ssl."""
    found = inside("imports", str(max(1, int(7 * lab.scale))))
    bare = found["bare"]

    def line(figure: str, name: str, target: Target | None) -> Line:
        added = found[name] - bare
        return Line(
            figure=figure,
            value=number(found[name]),
            baseline=number(bare),
            ratio=f"{signed(added)} ms",
            judged=added,
            target=target,
        )

    return [
        line("ms, import llmgw_middleware", "package", PACKAGE),
        line("ms, from llmgw_middleware import LLMGatewayMiddleware", "middleware", PACKAGE),
        line("ms, with a loaded configuration", "loaded", LOADED),
        Line(
            figure="objects that a full collection walks, with a loaded configuration",
            value=number(found["objects_loaded"]),
            baseline=number(found["objects_bare"]),
            ratio=f"{signed(found['objects_loaded'] - found['objects_bare'])}",
        ),
    ]
