"""Holds calls and answers against GitHub's own description of its API. Arguments: the description; standard input: exchanges as JSON."""

import json
import re
import sys

from jsonschema import Draft202012Validator


def plain(schema: object, whole: dict, part: bool) -> object:
    """A schema of OpenAPI 3.0 as JSON Schema; `part`: not everything that it requires has to be there."""
    if isinstance(schema, list):
        return [plain(one, whole, part) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 2)
        return plain(whole["components"][name[-2]][name[-1]], whole, part)
    made = {key: plain(value, whole, part) for key, value in schema.items() if key not in ("example", "examples", "format")}
    if part:
        made.pop("required", None)
        # without what they require, two shapes cannot be told apart
        if "oneOf" in made:
            made["anyOf"] = made.pop("oneOf")
    if made.pop("nullable", False):
        return {"anyOf": [{"type": "null"}, made]}
    return made


def find(api: dict, method: str, path: str) -> tuple[str, dict] | None:
    for template, item in api["paths"].items():
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, path) and method.lower() in item:
            return template, item
    return None


def problems(schema: object, value: object, api: dict, part: bool) -> list[str]:
    found = Draft202012Validator(plain(schema, api, part)).iter_errors(value)
    return [f"{'/'.join(map(str, one.path))}: {one.message[:200]}" for one in found]


def resolved(one: dict, api: dict) -> dict:
    return plain(one, api, False) if "$ref" in one else one  # type: ignore[return-value]


def faults_of(exchange: dict, api: dict) -> list[str]:
    asked, sent = exchange["asked"], exchange["sent"]
    found = find(api, asked["method"], asked["path"])
    if found is None:
        return ["there is no such call"]
    template, item = found
    operation = item[asked["method"].lower()]
    given = [resolved(one, api) for one in [*item.get("parameters", []), *operation.get("parameters", [])]]
    known = {one["name"]: one["schema"] for one in given if one["in"] == "query"}
    faults = [f"{template} takes no {name}" for name in asked["query"] if name not in known]
    for name, text in asked["query"].items():
        schema = known.get(name, {})
        value = int(text) if schema.get("type") == "integer" and text.isdigit() else text
        faults += [f"?{name} {one}" for one in problems(schema, value, api, False)]
    body = operation.get("requestBody")
    if body is not None:
        schema = body["content"]["application/json"]["schema"]
        faults += [f"asked {one}" for one in problems(schema, asked["body"], api, False)]
    answers = operation["responses"]
    answer = answers.get(str(sent["status"]))
    if answer is None:
        # who may not call is told so everywhere, and not in each description
        return faults if sent["status"] in (401, 403, 404) else [*faults, f"never answers {sent['status']}"]
    content = resolved(answer, api).get("content", {})
    if content:
        schema = content["application/json"]["schema"]
        faults += [f"answered {one}" for one in problems(schema, sent["body"], api, True)]
    elif sent["body"] is not None:
        faults.append("answers nothing, and the fake does")
    return faults


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        api = json.load(file)
    for exchange in json.load(sys.stdin):
        name = f"{exchange['asked']['method']} {exchange['asked']['path']} {exchange['sent']['status']}"
        for fault in faults_of(exchange, api):
            print(f"{name}: {fault}")


main()
