"""The LLM gateway in a Flask application: routes by who is logged in.

::

    gateway = LLMGateway(app, config="llmgw.yaml")      # or gateway.init_app(app)

or, around the application instead of inside it, in one line::

    wrap_wsgi(app, config="llmgw.yaml")
"""

from llmgw_flask.extension import LLMGateway
from llmgw_flask.wrapper import wrap_wsgi

__all__ = ["LLMGateway", "wrap_wsgi"]
