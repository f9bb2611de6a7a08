# SPDX-License-Identifier: Apache-2.0
"""A small validator for the swagger 2.0 description of Firecracker's API."""

import re

PB = "The requested operation is not supported after starting the microVM."
BB = "The requested operation is not supported before starting the microVM."


class Mismatch(AssertionError):
    pass


class Swagger:
    def __init__(self, document):
        self.document = document
        self.paths = []
        for template, methods in document["paths"].items():
            pattern = re.sub(r"\{[^}]*\}", "[^/]+", template)
            self.paths.append((re.compile(f"^{pattern}$"), methods))

    def resolve(self, schema):
        while "$ref" in schema:
            node = self.document
            for part in schema["$ref"].lstrip("#/").split("/"):
                node = node[part]
            schema = node
        return schema

    def operation(self, method, path):
        for pattern, methods in self.paths:
            if pattern.match(path) and method.lower() in methods:
                return methods[method.lower()]
        return None

    def check(self, value, schema, where="body", partial=False):
        schema = self.resolve(schema)
        if value is None:
            return  # optional fields are printed as null
        kind = schema.get("type", "object" if "properties" in schema else None)
        types = {
            "object": dict,
            "array": list,
            "string": str,
            "boolean": bool,
            "integer": int,
            "number": (int, float),
        }
        if kind and (
            not isinstance(value, types[kind])
            or (kind == "integer" and isinstance(value, bool))
        ):
            raise Mismatch(f"{where}: {value!r} is no {kind}")
        if "enum" in schema and value not in schema["enum"]:
            raise Mismatch(f"{where}: {value!r} is none of {schema['enum']}")
        if "minimum" in schema and value < schema["minimum"]:
            raise Mismatch(f"{where}: {value!r} below {schema['minimum']}")
        if "maximum" in schema and value > schema["maximum"]:
            raise Mismatch(f"{where}: {value!r} above {schema['maximum']}")
        if kind == "array":
            for n, item in enumerate(value):
                self.check(item, schema["items"], f"{where}[{n}]")
        if kind == "object":
            self.check_object(value, schema, where, partial)

    def check_object(self, value, schema, where, partial):
        properties = dict(schema.get("properties", {}))
        required = set(schema.get("required", []))
        for part in schema.get("allOf", []):
            part = self.resolve(part)
            properties.update(part.get("properties", {}))
            required |= set(part.get("required", []))
        for name in set() if partial else required - set(value):
            raise Mismatch(f"{where}: no {name}")
        if not properties:
            return
        for name, item in value.items():
            if name not in properties:
                raise Mismatch(f"{where}: {name} is not described")
            self.check(item, properties[name], f"{where}.{name}")

    def check_request(self, method, path, body):
        operation = self.operation(method, path)
        if operation is None:
            raise Mismatch(f"{method} {path} is not described")
        for parameter in operation.get("parameters", []):
            parameter = self.resolve(parameter)
            if parameter["in"] == "body" and body is not None:
                # PATCH /machine-config is described by what PUT takes
                self.check(body, parameter["schema"], partial=method == "PATCH")

    def check_response(self, method, path, status, body):
        operation = self.operation(method, path)
        if operation is None:
            raise Mismatch(f"{method} {path} is not described")
        responses = operation["responses"]
        response = responses.get(status, responses.get(str(status)))
        if response is None:
            response = responses.get("default")
        if response is None:
            raise Mismatch(f"{method} {path}: {status} is not described")
        schema = self.resolve(response).get("schema")
        if schema is None and body is not None:
            raise Mismatch(f"{method} {path}: {status} has no body")
        if schema is not None and body is not None:
            self.check(body, schema)
