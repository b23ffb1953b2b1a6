"""What people set, in a manifest or as parameters of a task: declared once, with a sentence under every setting.

    class SoundParams(Settings):
        silence_lufs: float = -50.0
        \"""A window quieter than this is silent.\"""

The sentences are the descriptions of the JSON Schema, and read when that is made: pydantic's own way
(`use_attribute_docstrings`) would parse the source of every class whenever it is imported.
"""

from __future__ import annotations

import ast
import inspect
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic_core import CoreSchema


class Settings(BaseModel):
    """Base of all settings: frozen, unknown names refused, every field with a sentence."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for name, sentence in sentences_of(cls).items():
            if name in properties:
                properties[name].setdefault("description", sentence)
        return schema


def sentences_of(settings: type[BaseModel]) -> dict[str, str]:
    """Name of a setting → what stands under it, those that are inherited too; none where there is no source."""
    sentences: dict[str, str] = {}
    for declared in reversed(settings.__mro__):
        if issubclass(declared, Settings) and declared is not Settings:
            sentences |= _sentences_in(declared)
    return sentences


def _sentences_in(declared: type) -> dict[str, str]:
    try:
        source = inspect.getsource(declared)
    except (OSError, TypeError):
        return {}
    indented = "if True:\n" if source[:1].isspace() else ""
    body = next(node.body for node in ast.walk(ast.parse(indented + source)) if isinstance(node, ast.ClassDef))
    return {
        field.target.id: inspect.cleandoc(below.value.value)
        for field, below in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    }
