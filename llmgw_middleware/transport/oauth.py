"""OAuth tokens for Google (Vertex AI) and Microsoft Entra (Azure), from where their own tools keep credentials.

Google: the file of ``GOOGLE_APPLICATION_CREDENTIALS`` or of ``gcloud auth application-default login`` (a user's, or a
service account's, for which ``cryptography`` must be installed), else the metadata server. Entra: ``AZURE_TENANT_ID``,
``AZURE_CLIENT_ID`` and ``AZURE_CLIENT_SECRET``, else the managed identity. All of it blocks, and is called in threads.
"""

from __future__ import annotations

import json
import os
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from llmgw_middleware.transport.credential import Token
from llmgw_middleware.transport.port import NoCredential

PATIENCE = 10.0
"""Seconds that an identity provider has to answer."""

_GOOGLE_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_GOOGLE_TOKENS = "https://oauth2.googleapis.com/token"
_GOOGLE_METADATA = "http://metadata.google.internal"
_GOOGLE_FILE = ".config/gcloud/application_default_credentials.json"
_ENTRA = "https://login.microsoftonline.com"
_ENTRA_RESOURCE = "https://cognitiveservices.azure.com"
_ENTRA_METADATA = "http://169.254.169.254"


def google_tokens(env: Mapping[str, str] | None = None) -> Callable[[], Token]:
    """Return what gets a token for Google Cloud."""
    known = os.environ if env is None else env

    def fetch() -> Token:
        named = known.get("GOOGLE_APPLICATION_CREDENTIALS")
        path = Path(named) if named else Path(known.get("HOME", "")) / _GOOGLE_FILE
        if not path.is_file():
            if named:
                raise NoCredential(f"GOOGLE_APPLICATION_CREDENTIALS names {named}, which is no file")
            return _google_metadata(known)
        try:
            account = json.loads(path.read_bytes())
        except (OSError, ValueError) as problem:
            raise NoCredential(f"{path} cannot be read as a credential of Google's") from problem
        return _google_account(account)

    return fetch


def entra_tokens(env: Mapping[str, str] | None = None) -> Callable[[], Token]:
    """Return what gets a token for Azure's AI services."""
    known = os.environ if env is None else env

    def fetch() -> Token:
        tenant, client, secret = (
            known.get(f"AZURE_{name}", "") for name in ("TENANT_ID", "CLIENT_ID", "CLIENT_SECRET")
        )
        if tenant and client and secret:
            host = known.get("AZURE_AUTHORITY_HOST", _ENTRA).rstrip("/")
            form = {
                "grant_type": "client_credentials",
                "client_id": client,
                "client_secret": secret,
                "scope": f"{_ENTRA_RESOURCE}/.default",
            }
            return _asked("POST", f"{host}/{tenant}/oauth2/v2.0/token", form=form)
        host = known.get("AZURE_POD_IDENTITY_AUTHORITY_HOST", _ENTRA_METADATA).rstrip("/")
        query = {"api-version": "2018-02-01", "resource": _ENTRA_RESOURCE} | (
            {"client_id": client} if client else {}
        )
        return _asked(
            "GET", f"{host}/metadata/identity/oauth2/token", query=query, headers={"Metadata": "true"}
        )

    return fetch


def _google_account(account: Mapping[str, Any]) -> Token:
    where = str(account.get("token_uri") or _GOOGLE_TOKENS)
    match account.get("type"):
        case "authorized_user":
            form = {"grant_type": "refresh_token"} | {
                name: str(account.get(name, "")) for name in ("client_id", "client_secret", "refresh_token")
            }
        case "service_account":
            form = {
                "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
                "assertion": _assertion(account, where, int(time.time())),
            }
        case other:
            raise NoCredential(
                f"a credential of the type {other!r} cannot be used; a user's or a service account's can"
            )
    return _asked("POST", where, form=form)


def _google_metadata(env: Mapping[str, str]) -> Token:
    host = env.get("GCE_METADATA_HOST")
    origin = f"http://{host}" if host else _GOOGLE_METADATA
    path = "/computeMetadata/v1/instance/service-accounts/default/token"
    return _asked("GET", origin + path, headers={"Metadata-Flavor": "Google"})


def _assertion(account: Mapping[str, Any], audience: str, now: int) -> str:
    """Return the signed statement (RFC 7523) by which a service account asks for a token."""
    try:
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import padding, rsa
    except ImportError as problem:
        raise NoCredential("a service account signs with RSA: install cryptography") from problem
    head = {"alg": "RS256", "typ": "JWT", "kid": account.get("private_key_id")}
    claims = {
        "iss": account.get("client_email"),
        "scope": _GOOGLE_SCOPE,
        "aud": audience,
        "iat": now,
        "exp": now + 3600,
    }
    text = b".".join(_encoded(json.dumps(part).encode()) for part in (head, claims))
    try:
        key = serialization.load_pem_private_key(str(account.get("private_key", "")).encode(), password=None)
    except ValueError as problem:
        raise NoCredential("the private key of the service account cannot be read") from problem
    if not isinstance(key, rsa.RSAPrivateKey):
        raise NoCredential("the private key of the service account is none of RSA")
    signature = key.sign(text, padding.PKCS1v15(), hashes.SHA256())
    return (text + b"." + _encoded(signature)).decode()


def _encoded(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def _asked(
    method: str,
    url: str,
    *,
    form: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Token:
    """Ask an identity provider. Its words are not repeated: they may hold parts of the credential."""
    import httpx

    try:
        answer = httpx.request(
            method,
            url,
            data=form,
            params=query,
            headers=headers,
            timeout=PATIENCE,
            trust_env=form
            is not None,  # a metadata server is the machine's own: a proxy would give its token, or none
        )
        found = answer.json()
        text, seconds = found["access_token"], float(found.get("expires_in", 3600))
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as problem:
        raise NoCredential(f"the identity provider gave no token ({type(problem).__name__})") from problem
    if not (isinstance(text, str) and text.isascii() and text.isprintable()):
        raise NoCredential("the identity provider gave a token that no header can carry")
    return Token(text=text, expires=time.time() + seconds)
