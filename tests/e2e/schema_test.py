#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""One table of keys, four readers: the parser, --schema, --help and the man pages agree.

    python3 tests/e2e/schema_test.py --build DIR

Configurations of tests/engine/data are changed in one place at a time, everywhere the JSON
Schema has a say; vrsd --check and the schema must both take the result, or both refuse it.
"""

import argparse
import copy
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DATA = f"{ROOT}/tests/engine/data"
BUILD = None
try:
    import jsonschema
    import yaml
except ImportError as missing:
    jsonschema = yaml = None
    MISSING = str(missing)
SCHEMA_RULES = {"unknown-key", "wrong-type", "out-of-range", "missing-key", "duplicate-key",
                "next-hop", "reserved-asn"}


def run(*words):
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout


def help_keys(text):
    """{path: {key: the text about it}} of vrsd --help."""
    keys, path, key = {}, None, None
    for line in text.splitlines():
        if re.fullmatch(r"[a-zA-Z][\w.\[\]]*:|top level:", line):
            path = "" if line == "top level:" else line[:-1]
            keys[path] = {}
        elif path is not None and re.match(r"  \w", line):
            key, about = line.split(None, 1)
            keys[path][key] = about
        elif path is not None and line.strip():
            keys[path][key] += " " + line.strip()
    return keys


def man_keys(text):
    """The same of vrs.yaml(5) as scdoc is given it."""
    keys, path, key, on = {}, None, None, False
    for line in text.splitlines():
        if line.startswith("# "):
            on = line == "# KEYS"
        elif on and line.startswith("## "):
            path = "" if line == "## The document" else line[3:]
            keys[path] = {}
        elif on and line.startswith("*"):
            key = line.strip("*")
            keys[path][key] = ""
        elif on and key and line:
            keys[path][key] += line.strip() + " "
    return keys


def schema_objects(schema, path=""):
    """Yield (path, object schema)."""
    yield path, schema
    for key, value in schema["properties"].items():
        below, name = value, f"{path}.{key}" if path else key
        if value.get("type") == "array":
            below, name = value["items"], name + "[]"
        if below.get("type") == "object":
            yield from schema_objects(below, name)


@unittest.skipIf(jsonschema is None, "python3-jsonschema or python3-yaml is not installed")
class Schema(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.vrsd = f"{BUILD}/engine/vrsd"
        cls.schema = json.loads(run(cls.vrsd, "--schema"))
        jsonschema.Draft202012Validator.check_schema(cls.schema)
        cls.validator = jsonschema.Draft202012Validator(cls.schema)
        cls.help = help_keys(run(cls.vrsd, "--help"))
        cls.man = man_keys(run(f"{BUILD}/tools/vrsman/vrs-man", "vrs.yaml"))

    def rules(self, document):
        """Rules that vrsd --check refuses a document by."""
        with tempfile.NamedTemporaryFile("w", suffix=".yaml", dir=self.dir) as f:
            json.dump(document, f)
            f.flush()
            r = subprocess.run([self.vrsd, "--config", f.name, "--check"], capture_output=True,
                               text=True, timeout=60, check=False)
        found = set(re.findall(r": error: ([a-z-]+): ", r.stderr))
        self.assertEqual(r.returncode, 1 if found else 0, r.stderr)
        return found

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="vrs-schema-")
        self.addCleanup(directory.cleanup)
        self.dir = directory.name
        with open(f"{self.dir}/password", "w", encoding="ascii") as f:
            f.write("s3cret word\n")

    def documents(self):
        kinds = self.schema["properties"]["process"]["properties"]["transport"]["properties"]["kind"]["enum"]
        dpdk = ("dpdk.yaml",) if "dpdk" in kinds else ()
        for name in ("full.yaml", "dual-stack.yaml") + dpdk:
            with open(f"{DATA}/{name}", encoding="utf-8") as f:
                yield yaml.safe_load(f)

    def assert_both_refuse(self, what, document):
        self.changes += 1
        refused = not self.validator.is_valid(document)
        rules = self.rules(document) & SCHEMA_RULES
        if not refused or not rules:
            self.fail(f"{what}: the schema {'refuses' if refused else 'takes'} it, vrsd says "
                      f"{sorted(rules) or 'nothing'}")

    def bad_values(self, schema):
        """Values that a property of this schema must not have."""
        kind = schema.get("type")
        yield {"string": 7, "integer": "x", "boolean": "true", "object": [], "array": {}}[kind]
        yield None
        if kind == "integer":
            yield schema["minimum"] - 1
            if "maximum" in schema:
                yield schema["maximum"] + 1
            yield 1.5
        if "enum" in schema:
            yield schema["enum"][0] + "x"
        elif kind == "string":
            if schema.get("minLength", 0) > 0:
                yield ""
            if "maxLength" in schema:
                yield "a" * (schema["maxLength"] + 1)
            if "pattern" in schema:
                yield "a b/"
        if kind == "array":
            if schema.get("minItems", 0) > 0:
                yield []
            if schema["items"].get("type") != "object":
                for bad in self.bad_values(schema["items"]):
                    yield [bad]

    def change(self, document, place, schema, node):
        """Spoil `document` at each place that `schema` describes; node is the object there."""
        node["zzz"] = 1
        self.assert_both_refuse(f"{place}: an unknown key", document)
        del node["zzz"]
        for key, value in list(node.items()):
            below = schema["properties"][key]
            if key in schema.get("required", []):
                del node[key]
                self.assert_both_refuse(f"{place}: no {key}", document)
            for bad in self.bad_values(below):
                node[key] = bad
                self.assert_both_refuse(f"{place}.{key}: {bad!r:.60}", document)
            node[key] = value
            if below.get("type") == "object":
                self.change(document, f"{place}.{key}", below, value)
            elif below.get("type") == "array" and below["items"].get("type") == "object":
                for i, item in enumerate(value):
                    self.change(document, f"{place}.{key}[{i}]", below["items"], item)

    def test_both_take_what_is_right(self):
        for document in self.documents():
            self.validator.validate(document)
            self.assertEqual(self.rules(document), set())
        self.validator.validate({})
        self.assertEqual(self.rules({}), set())

    def test_both_refuse_what_is_wrong_anywhere(self):
        self.changes = 0
        for document in self.documents():
            whole = copy.deepcopy(document)
            self.change(whole, "", self.schema, whole)
        print(f"{self.changes} changes")
        self.assertGreater(self.changes, 500)

    def test_prefixes_and_addresses_that_are_none(self):
        self.changes = 0
        for bad in ("10.0.0.0/33", "10.0.0.0/-1", "10.0.0.256/32", "10.0.0/24", "10.0.0.0/024",
                    "fd00::/129", "10.0.0.0", "fd00/48"):
            self.assert_both_refuse(
                bad, {"virtualNetworks": [{"name": "a", "addressPrefixes": [bad]}]})
        for bad in ("127.0.0.1", "localhost:80", ":80", "127.0.0.1:", "127.0.0.1:0",
                    "::1:80", "[127.0.0.1]:80", "127.0.0.1:123456"):
            self.assert_both_refuse(bad, {"process": {"http": {"listen": bad}}})

    def test_help_man_page_and_schema_have_the_same_keys(self):
        # A key that is not built is no key of the schema; a keyword may be one of several.
        built = {p: {k for k, about in keys.items() if "(not built yet)" not in about or
                     " | " in about} for p, keys in self.help.items()}
        schema = {p: set(s["properties"]) for p, s in schema_objects(self.schema)}
        self.assertEqual(built, schema)
        self.assertEqual({p: set(k) for p, k in self.help.items()},
                         {p: set(k) for p, k in self.man.items()})

    def test_the_man_page_has_each_type_range_and_default(self):
        for path, schema in schema_objects(self.schema):
            for key, value in schema["properties"].items():
                text = self.man[path][key].replace("\\", "")
                one = value["items"] if value.get("type") == "array" else value
                where = f"{path}.{key}: {text}"
                self.assertIn(value["description"], text, where)
                if "maximum" in one:
                    self.assertIn(f"{one['minimum']} to {one['maximum']}", text, where)
                for name in one.get("enum", []):
                    self.assertIn(name, text, where)
                if "default" in value:
                    default = value["default"]
                    default = (str(default).lower() if isinstance(default, bool) else
                               f"[{', '.join(default)}]" if isinstance(default, list)
                               else str(default))
                    self.assertIn(f"Default: {default}. ", text, where)
                else:
                    self.assertNotIn("Default: ", text, where)
                required = key in schema.get("required", []) or any(
                    key in r["required"] for r in schema.get("oneOf", [])[:1])
                self.assertEqual("Required" in text, required, where)

    def test_programs_and_pages_have_the_same_options(self):
        options = set(re.findall(r"^  (--[\w-]+)", run(self.vrsd, "--help"), re.M))
        page = run(f"{BUILD}/tools/vrsman/vrs-man", "vrsd")
        self.assertEqual(options, set(re.findall(r"^\*(--[\w-]+)\*", page, re.M)))
        self.assertIn("--check", options)
        verbs = re.findall(r"^  ((?:[a-z][a-z-]* )*[a-z][a-z-]*)  +\S",
                           run(f"{BUILD}/tools/vrsctl/vrsctl", "--help"), re.M)
        page = run(f"{BUILD}/tools/vrsman/vrs-man", "vrsctl")
        section = page.split("# VERBS")[1].split("# OPTIONS")[0]
        self.assertEqual(set(verbs), set(re.findall(r"^\*([a-z- ]+)\*", section, re.M)))
        self.assertIn("nic explain", verbs)

    def test_pages_are_pages(self):
        if not os.path.exists(f"{BUILD}/tools/vrsman/vrsd.8"):
            self.skipTest("scdoc was not there at build time")
        for page, title in (("vrsd.8", "vrsd"), ("vrs.yaml.5", "vrs.yaml"),
                            ("vrsctl.1", "vrsctl")):
            with open(f"{BUILD}/tools/vrsman/{page}", encoding="utf-8") as f:
                text = f.read()
            self.assertRegex(text, rf'(?m)^\.TH "{re.escape(title)}" "{page[-1]}"')
            self.assertIn(".SH NAME", text)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    sys.modules["__main__"].BUILD = os.path.abspath(parser.parse_args().build)
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(Schema)
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    for test, reason in result.skipped:
        print(f"skipped: {test}: {reason}")
    failed = len({str(t) for t, _ in result.failures + result.errors})
    passed = result.testsRun - failed - len(result.skipped)
    print(f"{passed} passed, {failed} failed, {len(result.skipped)} skipped"
          if result.skipped else f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
