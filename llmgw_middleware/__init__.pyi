from llmgw_middleware.asgi import LLMGatewayMiddleware as LLMGatewayMiddleware
from llmgw_middleware.build import build_gateway as build_gateway
from llmgw_middleware.config.settings import ProcessSettings as ProcessSettings
from llmgw_middleware.entry import Handle as Handle
from llmgw_middleware.entry import Hook as Hook
from llmgw_middleware.errors import AuthError as AuthError
from llmgw_middleware.errors import BadRequest as BadRequest
from llmgw_middleware.errors import ConfigError as ConfigError
from llmgw_middleware.errors import Forbidden as Forbidden
from llmgw_middleware.errors import GatewayError as GatewayError
from llmgw_middleware.extensions import Extensions as Extensions
from llmgw_middleware.gateway import Gateway as Gateway
from llmgw_middleware.model.decision import Decision as Decision
from llmgw_middleware.model.http import HostRequest as HostRequest
from llmgw_middleware.model.http import Pass as Pass
from llmgw_middleware.model.http import Request as Request
from llmgw_middleware.model.http import Response as Response
from llmgw_middleware.model.identity import Identity as Identity

__version__: str
