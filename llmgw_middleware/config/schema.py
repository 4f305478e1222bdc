"""The language as JSON Schema, for editors and for programs that write configurations."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from llmgw_middleware.config.words.configuration import Configuration


class _Draft(GenerateJsonSchema):
    """Draft 2020-12 without what pydantic adds for Python's sake: titles, and defaults that say nothing."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - the signature is pydantic's
        return False

    def default_schema(self, schema: Any) -> dict[str, Any]:
        made = super().default_schema(schema)
        if made.get("default", 0) in (None, [], {}) or isinstance(made.get("default"), dict):
            made.pop("default", None)
        return made

    def nullable_schema(self, schema: Any) -> dict[str, Any]:
        """Leave out null: a key without a value counts as not given, and is hardly meant."""
        return self.generate_inner(schema["schema"])


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a configuration: only what works in this version, in camelCase."""
    schema = Configuration.model_json_schema(schema_generator=_Draft, by_alias=True, mode="validation")
    for definition in schema.get("$defs", {}).values():
        definition.pop("title", None)
    schema["title"] = "llmgw-middleware"
    return {"$schema": GenerateJsonSchema.schema_dialect, **schema}
