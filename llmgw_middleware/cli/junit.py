"""Results of tests in the form that CI systems read."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from llmgw_middleware.cli.rehearsal import Result


def junit(results: Sequence[Result], *, suite: str) -> bytes:
    """Return a JUnit XML document with one test case for each result."""
    failed = sum(not result.passed for result in results)
    root = ET.Element("testsuites", tests=str(len(results)), failures=str(failed))
    of_suite = ET.SubElement(
        root, "testsuite", name=suite, tests=str(len(results)), failures=str(failed), errors="0"
    )
    for result in results:
        file, _, line = result.case.where.rpartition(":")
        case = ET.SubElement(of_suite, "testcase", name=_legal(result.case.name), classname=_legal(suite))
        if line.isdigit():
            case.set("file", file)
            case.set("line", line)
        if not result.passed:
            failure = ET.SubElement(case, "failure", message=_legal(result.faults[0].splitlines()[0]))
            failure.text = _legal("\n".join(result.faults))
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _legal(text: str) -> str:
    """Leave out the control characters that no XML document may hold."""
    return "".join(c for c in text if c in "\t\n\r" or c >= " ")
