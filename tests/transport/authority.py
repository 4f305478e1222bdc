"""Certificates made here, by the openssl command."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

OPENSSL = shutil.which("openssl")

# What a strict client asks of certificates (RFC 5280, 4.2.1), whatever the system's own configuration says.
LEAF = "authorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\nkeyUsage=critical,digitalSignature\n"
CONFIG = """
[req]
distinguished_name=name
x509_extensions=root
[name]
[root]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
"""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its key, as files."""

    chain: Path
    key: Path

    def server(self) -> ssl.SSLContext:
        """What an upstream with this certificate uses."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain, self.key)
        return context


class Authority:
    """Signs certificates, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._root = Certificate(folder / "root.pem", folder / "root.key")
        self._config = folder / "openssl.cnf"
        self._config.write_text(CONFIG)
        self._openssl(
            "req", "-x509", *self._new(self._root.key), "-subj", "/CN=root", "-out", self._root.chain
        )

    def trusting(self) -> ssl.SSLContext:
        """What a client that trusts this authority, and none else, uses."""
        return ssl.create_default_context(cafile=str(self._root.chain))

    def sign(self, name: str, *, names: str = "IP:127.0.0.1", days: int = 2) -> Certificate:
        """A certificate for ``names``; with ``days`` below zero it ended in the past."""
        made = Certificate(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        request, extension = self._folder / f"{name}.csr", self._folder / f"{name}.ext"
        extension.write_text(f"subjectAltName={names}\n{LEAF}")
        self._openssl("req", *self._new(made.key), "-subj", f"/CN={name}", "-out", request)
        signing: list[str | Path] = [
            "-CA",
            self._root.chain,
            "-CAkey",
            self._root.key,
            "-CAcreateserial",
            "-days",
            str(days),
        ]
        self._openssl("x509", "-req", "-in", request, *signing, "-extfile", extension, "-out", made.chain)
        return made

    def _new(self, key: Path) -> tuple[str | Path, ...]:
        return (
            "-config",
            self._config,
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-keyout",
            key,
        )

    def _openssl(self, *arguments: str | Path) -> None:
        subprocess.run([str(OPENSSL), *map(str, arguments)], check=True, capture_output=True)
