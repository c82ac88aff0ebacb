"""Validation that speaks like Joi, which Vonage's answers quote: unknown keys are refused, reasons read `"name" must be a string`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

URL = re.compile(r"https?://\S+")


@dataclass(frozen=True)
class Rule:
    """What a value must be. `kind`: string, number, boolean, object, array or any. `maximum` is a length or the largest number."""

    kind: str = "string"
    required: bool = False
    maximum: int | None = None
    minimum: int | None = None
    one_of: tuple[str, ...] = ()
    pattern: str = ""
    nullable: bool = False
    is_url: bool = False
    keys: Mapping[str, "Rule"] | None = None


KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
    "any": (object,),
}
Reasons = list[dict[str, str]]


def check(value: Any, rules: Mapping[str, Rule]) -> Reasons:
    """The reasons why this object is refused, as [{"name", "reason"}]; empty when it is good."""
    if not isinstance(value, dict):
        return [_reason("body", '"value" must be of type object')]
    return _check_object(value, rules, "")


def _check_object(value: dict[str, Any], rules: Mapping[str, Rule], prefix: str) -> Reasons:
    reasons: Reasons = []
    for name, rule in rules.items():
        if name in value:
            reasons += _check_value(value[name], rule, prefix + name)
        elif rule.required:
            reasons.append(_reason(prefix + name, f'"{prefix}{name}" is required'))
    return reasons + [_reason(prefix + name, f'"{prefix}{name}" is not allowed') for name in value if name not in rules]


def _check_value(value: Any, rule: Rule, name: str) -> Reasons:
    if value is None and rule.nullable:
        return []
    if not isinstance(value, KINDS[rule.kind]) or (isinstance(value, bool) and rule.kind == "number"):
        article = "a" if rule.kind in ("string", "number", "boolean") else "of type" if rule.kind == "object" else "an"
        return [_reason(name, f'"{name}" must be {article} {rule.kind}')]
    if isinstance(value, dict) and rule.keys is not None:
        return _check_object(value, rule.keys, f"{name}.")
    reason = ""
    if isinstance(value, str):
        reason = _check_text(value, rule)
    elif isinstance(value, int | float) and rule.kind == "number":
        reason = _check_number(value, rule)
    return [_reason(name, f'"{name}" {reason}')] if reason else []


def _check_text(value: str, rule: Rule) -> str:
    if not value:
        return "is not allowed to be empty"
    if rule.one_of and value not in rule.one_of:
        return f"must be one of [{', '.join(rule.one_of)}]"
    if rule.maximum is not None and len(value) > rule.maximum:
        return f"length must be less than or equal to {rule.maximum} characters long"
    if rule.pattern and not re.fullmatch(rule.pattern, value):
        return f'with value "{value}" fails to match the required pattern: /{rule.pattern}/'
    if rule.is_url and not URL.fullmatch(value):
        return "must be a valid uri"
    return ""


def _check_number(value: float, rule: Rule) -> str:
    if rule.minimum is not None and value < rule.minimum:
        return f"must be larger than or equal to {rule.minimum}"
    if rule.maximum is not None and value > rule.maximum:
        return f"must be less than or equal to {rule.maximum}"
    return ""


def _reason(name: str, reason: str) -> dict[str, str]:
    return {"name": name, "reason": reason}
