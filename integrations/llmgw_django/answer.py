"""The gateway's answer in Django's form."""

from __future__ import annotations

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from llmgw_django.streams import AsyncBody, SyncBody
from llmgw_middleware import Response


class AsyncStreamingResponse(StreamingHttpResponse):
    """A streamed answer under ASGI that lets the upstream go when Django drops it unread or half read."""

    def __init__(self, body: AsyncBody, *, status: int) -> None:
        super().__init__(body, status=status)
        self._body = body

    def close(self) -> None:
        """Close the response; Django calls this from a worker thread."""
        super().close()
        self._body.abandon()


def plain(answer: Response) -> HttpResponse:
    """Return a buffered answer, errors among them: middleware above may read and compress its content."""
    response = HttpResponse(answer.body, status=answer.status)
    put_headers(response, answer)
    response.headers["Content-Length"] = str(len(answer.body))
    return response


def streamed(answer: Response, body: SyncBody | AsyncBody) -> StreamingHttpResponse:
    """Return a streamed answer; ``body`` decides between WSGI and ASGI.

    ``Content-Encoding: identity`` keeps ``GZipMiddleware`` away, which before Django 6.1 held the events back.
    """
    response = (
        StreamingHttpResponse(body, status=answer.status)
        if isinstance(body, SyncBody)
        else AsyncStreamingResponse(body, status=answer.status)
    )
    put_headers(response, answer)
    response.headers["Content-Encoding"] = "identity"
    return response


def put_headers(response: HttpResponseBase, answer: Response) -> None:
    """Set the answer's headers in place of Django's default; lines of the same name are joined by a comma."""
    del response.headers["Content-Type"]
    for name, value in answer.headers:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        response.headers[key] = f"{response.headers[key]}, {text}" if response.has_header(key) else text
