# SPDX-License-Identifier: Apache-2.0
"""validate_sbom.py spdx|cyclonedx FILE: prints what is wrong with a bill of materials. Runs with the packages of
requirements.txt, not with pytest's."""
import json
import sys

from packageurl import PackageURL


def spdx(path):
    from spdx_tools.spdx.parser.error import SPDXParsingError
    from spdx_tools.spdx.parser.parse_anything import parse_file
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
    try:
        document = parse_file(path)
    except SPDXParsingError as error:
        return error.get_messages()
    return [f"{message.validation_message} ({message.context.spdx_id})" for message in validate_full_spdx_document(document, "SPDX-2.3")]


def cyclonedx(path):
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator
    with open(path, encoding="utf-8") as file:
        problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(file.read())
    return [] if problem is None else [str(problem)]


def purls(value):
    """All package URLs, wherever they stand."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("purl", "referenceLocator"):
                yield inner
            yield from purls(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from purls(inner)


form, path = sys.argv[1:]
problems = {"spdx": spdx, "cyclonedx": cyclonedx}[form](path)
with open(path, encoding="utf-8") as file:
    urls = list(purls(json.load(file)))
problems += [f"{url} is no canonical package URL" for url in urls if PackageURL.from_string(url).to_string() != url]
if not urls:
    problems.append("there is no package URL")
print("\n".join(problems), end="")
