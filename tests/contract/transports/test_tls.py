"""TLS with certificates that are made here."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmgw_middleware.testing.upstream import ScriptedUpstream, answer, stream
from llmgw_middleware.transport.port import Malformed, Transport, Unreachable
from tests.contract.transports.calls import body_of, fetch, send
from tests.contract.transports.conftest import Maker

OPENSSL = shutil.which("openssl")
pytestmark = pytest.mark.skipif(
    OPENSSL is None, reason="the openssl command, which makes certificates, is not installed"
)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = [
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=scripted upstream",
    ]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([str(OPENSSL), *command, *names], check=True, capture_output=True)
    return certificate, key


@pytest.fixture
def secure_upstream(certificate: tuple[Path, Path]) -> Iterator[ScriptedUpstream]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with ScriptedUpstream(tls=context) as upstream:
        yield upstream


@pytest.fixture
def trusting(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate[0]))


async def test_a_certificate_that_nobody_vouches_for_is_refused(
    transport: Transport, secure_upstream: ScriptedUpstream
):
    with pytest.raises(Unreachable, match=r"(?i)certificate"):
        await send(transport, secure_upstream.url)
    assert secure_upstream.requests == []


async def test_a_certificate_for_another_name_is_refused(
    make_transport: Maker, trusting: ssl.SSLContext, secure_upstream: ScriptedUpstream
):
    transport = make_transport(trusting)
    with pytest.raises(Unreachable, match=r"(?i)certificate"):
        await send(transport, secure_upstream.url.replace("127.0.0.1", "localhost"))
    await transport.aclose()


async def test_a_trusted_upstream_is_talked_to_and_kept(
    make_transport: Maker, trusting: ssl.SSLContext, secure_upstream: ScriptedUpstream
):
    transport = make_transport(trusting)
    secure_upstream.script(answer(body="secret"), answer(body=bytes(5_000_000)))
    assert await fetch(transport, secure_upstream.url) == (200, b"secret")
    assert await fetch(transport, secure_upstream.url, body=bytes(5_000_000)) == (200, bytes(5_000_000))
    assert secure_upstream.accepted == 1
    await transport.aclose()


async def test_a_secure_stream_that_is_cut_is_malformed(
    make_transport: Maker, trusting: ssl.SSLContext, secure_upstream: ScriptedUpstream
):
    transport = make_transport(trusting)
    secure_upstream.script(stream("a", cut_after=1))
    reply = await send(transport, secure_upstream.url)
    with pytest.raises(Malformed):
        await body_of(reply)
    await transport.aclose()
