"""The language keeps to its own conformance tests and to those of agentgateway."""

import pytest

from tests.conformance import cel_cases
from tests.conformance.cel import main
from tests.conformance.cel_cases import KNOWN_GAPS
from tests.fixtures import fixture_json, fixture_params, fixture_path


@pytest.mark.parametrize("case", fixture_params(cel_cases.CORE, cel_cases.core))
def test_the_core_of_the_language_is_as_specified(case):
    assert cel_cases.core_passes(case) is (case["id"] not in KNOWN_GAPS)


def test_at_least_98_in_100_of_the_cases_with_a_value_pass():
    cases = [case for case in fixture_json(cel_cases.CORE) if case["expect"][0] == "value"]
    assert len(cases) == 987
    assert sum(map(cel_cases.core_passes, cases)) >= 0.98 * len(cases)


@pytest.mark.parametrize("case", fixture_params(cel_cases.EXTENSIONS, cel_cases.extensions))
def test_the_extensions_of_the_language_are_as_specified(case):
    assert cel_cases.core_passes(case)


@pytest.mark.parametrize("case", fixture_params(cel_cases.FUNCTIONS, cel_cases.listed))
def test_agentgateways_functions_give_the_same(case):
    assert cel_cases.function_passes(case)


@pytest.mark.parametrize("case", fixture_params(cel_cases.CONTEXT, cel_cases.listed))
def test_a_request_is_seen_as_agentgateway_sees_it(case):
    assert cel_cases.context_passes(case)


@pytest.mark.parametrize("case", fixture_params(cel_cases.REFERENCES, cel_cases.listed))
def test_the_attributes_an_expression_names_are_found_without_evaluating_it(case):
    assert cel_cases.references_pass(case)


@pytest.mark.parametrize("case", fixture_params(cel_cases.TRANSFORMATIONS, cel_cases.named))
def test_messages_are_transformed_as_agentgateway_transforms_them(case):
    assert cel_cases.transformation_passes(case)


def test_one_command_tells_how_much_passes(capsys):
    fixture_path(cel_cases.CORE)
    assert main() == 0
    assert "985/987" in capsys.readouterr().out
