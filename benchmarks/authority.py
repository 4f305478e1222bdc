"""A certificate authority of our own, for upstreams behind TLS."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.lab import Failed


class Authority:
    """Makes a root and a certificate of 127.0.0.1 with the ``openssl`` command, in ``folder``; raises Failed."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("openssl") is None:
            raise Failed("the TLS scenario needs the openssl command")
        self.root = folder / "root.crt"
        self._key, self._cert = folder / "server.key", folder / "server.crt"
        root_key, request, names = folder / "root.key", folder / "server.csr", folder / "names.txt"
        names.write_text("subjectAltName=IP:127.0.0.1\n")
        new = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        _openssl(
            *new, "-x509", "-days", "2", "-subj", "/CN=bench root", "-keyout", root_key, "-out", self.root
        )
        _openssl(*new, "-subj", "/CN=127.0.0.1", "-keyout", self._key, "-out", request)
        signing = ("-CA", self.root, "-CAkey", root_key, "-CAcreateserial", "-extfile", names)
        _openssl("x509", "-req", "-days", "2", "-in", request, *signing, "-out", self._cert)

    def upstream(self) -> tuple[str, ...]:
        """Return the command of the mock provider behind this certificate."""
        pair = ("--cert", str(self._cert), "--key", str(self._key))
        return (sys.executable, "-m", "benchmarks.upstream", *pair)


def _openssl(*words: str | Path) -> None:
    done = subprocess.run(("openssl", *map(str, words)), capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"openssl {words[0]} failed: {done.stderr[-500:]}")
