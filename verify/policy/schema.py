"""The JSON schema of policy files: every rule by its id, every setting with what it may be. Committed as policy.schema.json."""

import json
from typing import Any

from verify.policy.model import CHOICES, DEFAULT, LEVELS, load


def setting(value) -> dict[str, Any]:
    """What a setting may be, told from the default's value."""
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, int):
        return {"type": "number"}
    if isinstance(value, float):
        return {"type": "number"}
    if value in LEVELS:
        return {"enum": list(LEVELS)}
    if isinstance(value, list):
        words = next((words for words in CHOICES if value and set(value) <= words), None)
        return {"type": "array", "items": {"enum": sorted(words)} if words else {"type": "string"}}
    words = next((words for words in CHOICES if value in words), None)
    return {"enum": sorted(words)} if words else {"type": "string"}


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a policy file. With a `base` only what differs has to be said."""
    rules = {}
    for rule, policy in load(DEFAULT).rules.items():
        properties: dict[str, Any] = {
            "cap": {
                "enum": ["fail", "warn", "off"],
                "description": "fail: as found; warn: a failure counts as a warning; off: exempt",
            },
            "source": {"type": "string", "description": "Where this stands: README section, ruling, pull request"},
        }
        if policy.settings:
            settings = {name: setting(value) for name, value in policy.settings.items()}
            properties["settings"] = {"type": "object", "properties": settings, "additionalProperties": False}
        rules[rule] = {"type": "object", "properties": properties, "additionalProperties": False}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Policy of pgolf verify",
        "type": "object",
        "properties": {
            "base": {"type": "string", "description": "Name or path of the policy that this one changes"},
            "name": {"type": "string"},
            "version": {"type": "integer", "minimum": 1, "description": "Counts up when a number or a cap changes"},
            "title": {"type": "string"},
            "description": {"type": "string"},
            "rules": {"type": "object", "properties": rules, "additionalProperties": False},
        },
        "required": ["name", "version", "title", "description", "rules"],
        "additionalProperties": False,
    }


def text() -> str:
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
