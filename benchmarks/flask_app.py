"""A Flask application with the gateway, or (``BENCH_SIDE=constant``) with a view that answers a constant."""

from __future__ import annotations

import os

from flask import Flask

from benchmarks.configuration import configuration
from llmgw_flask import LLMGateway

app = Flask(__name__)
app.secret_key = "bench"

if os.environ.get("BENCH_SIDE") == "constant":

    @app.post("/v1/chat/completions")
    def constant() -> dict[str, str]:
        return {"object": "chat.completion"}

else:
    LLMGateway(app, config=configuration(os.environ["BENCH_UPSTREAM"]))
