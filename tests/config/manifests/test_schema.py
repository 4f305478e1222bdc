"""What agentgateway's own schema refuses is refused here, too, also in parts that are left out."""

import pytest

from llmgw_middleware.config import python
from llmgw_middleware.config.manifests.schema import judge_schema
from llmgw_middleware.config.problem import Report
from llmgw_middleware.config.tree import Table

REF = {"name": "a", "port": 1}
REFUSED = [
    ({"backend": {"auth": {}}}, "exactly one of the fields"),
    ({"backend": {"auth": {"aws": {}, "location": {}}}}, "location may only be set"),
    ({"backend": {"auth": {"secretRef": {"name": ""}}}}, "name: Invalid value"),
    ({"backend": {"auth": {"secretRef": {"name": "a", "kind": "ConfigMap"}}}}, "both group and kind"),
    ({"backend": {"tls": {"insecureSkipVerify": "All", "verifySubjectAltNames": []}}}, "at most one"),
    ({"backend": {"tcp": {"keepalive": {"time": "500ms"}}}}, "time must be at least 1"),
    ({"frontend": {"tcp": {"keepalive": {"retries": 0}}}}, "retries must be at least 1"),
    ({"frontend": {"tracing": {"randomSampling": False}}}, "must be of type string"),
    ({"frontend": {"tracing": {"url": "https:///v1", "protocol": "HTTP"}}}, "should match"),
    ({"frontend": {"tracing": {"url": "https://a/b", "protocol": "GRPC"}}}, "only valid with protocol HTTP"),
    ({"traffic": {"buffer": {}}}, "at least one of the fields"),
    ({"traffic": {"extAuth": {"grpc": {}}}}, "[backendRef url]"),
    ({"traffic": {"extAuth": {"backendRef": REF}}}, "[grpc http]"),
    ({"traffic": {"extAuth": {"url": "https://a/b", "http": {"path": "/c"}}}}, "http.path may not be set"),
    ({"traffic": {"extAuth": {"backendRef": REF, "grpc": {}, "failureMode": "X"}}}, "Unsupported value"),
    ({"traffic": {"extProc": {"conditional": [{"policy": {}}]}}}, "[backendRef url]"),
    ({"traffic": {"rateLimit": {"local": [{"unit": "Minutes"}]}}}, "[requests tokens]"),
    ({"traffic": {"directResponse": {"body": "x"}}}, "status is required"),
    ({"traffic": {"jwtAuthentication": {"mode": "Optional", "mcp": {}}}}, "mcp requires mode Strict"),
    ({"traffic": {"transformation": {"request": {"set": [{"name": ":odd"}]}}}}, "pseudo-headers"),
    ({"traffic": {"hostRewrite": {"mode": "Custom"}}}, "Unsupported value"),
    ({"strategy": {}, "backend": {}}, "only be set on traffic policies"),
    ({"targetRefs": [{"kind": "Service"}], "backend": {"ai": {}}}, "may not be used with a Service"),
    ({"targetRefs": [{"kind": "Gateway", "port": 1, "sectionName": "a"}]}, "[sectionName port]"),
    ({"targetRefs": [{"port": 1}], "traffic": {}}, "frontend-only"),
]
TAKEN = [
    {"backend": {"auth": {"secretRef": {"name": "a", "kind": "Secret"}}}},
    {"backend": {"auth": {"key": "k", "location": {}}}},
    {"backend": {"tcp": {"keepalive": {"time": "1s", "retries": 1}}}},
    {"traffic": {"extAuth": {"backendRef": REF, "http": {}}}},
    {
        "traffic": {
            "extAuth": {"conditional": [{"condition": "a", "policy": {"url": "https://a", "grpc": {}}}]}
        }
    },
    {"traffic": {"transformation": {"request": {"set": [{"name": ":path"}]}}}},
    {"targetRefs": [{"kind": "Service", "sectionName": "80"}], "backend": {"tls": {}}},
]


def told(spec):
    report = Report()
    tree = python.document(spec, report)
    assert isinstance(tree, Table)
    judge_schema("Policy p", tree, report)
    return [problem.message for problem in report.problems]


@pytest.mark.parametrize(("spec", "reason"), REFUSED, ids=[reason for _, reason in REFUSED])
def test_what_breaks_a_row_is_refused_with_its_reason(spec, reason):
    assert any(reason in message for message in told(spec))


@pytest.mark.parametrize("spec", TAKEN, ids=str)
def test_what_keeps_all_rows_is_taken(spec):
    assert told(spec) == []
