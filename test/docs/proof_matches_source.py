#!/usr/bin/env python3
"""Each memory order names its partner, each inline of the models its source, each variant is there.

In include/ and src/, each order but relaxed has a comment with "pairs with f()": on its line, above
it in its function, or over that function. Each such f is a function of the sources that names an
order, too. In test/proofs/spin each inline's comment names functions of the sources that it stands
for, or calls it the model's own. docs/internals/proof.md names unsafe variants that the models
have.
"""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent.parent
order = re.compile(r"memory_order_(?!relaxed)\w+")
partners = re.compile(r"(?i)\bpairs\s+with\s+((?:[\w:]+\(\)(?:,\s+|\s+and\s+)?)+)")
head = re.compile(r"(~?\w+)\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)[\s\w&]*\{")
keywords = {"if", "for", "while", "switch", "catch"}


def block_at(text, opening):
    """Where the block ends that begins there."""
    depth = 0
    for brace in re.compile(r"[{}]").finditer(text, opening):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return brace.end()
    return len(text)


def comments_in(text):
    return " ".join(re.findall(r"//[/<]*(.*)", text))


class function:
    def __init__(self, path, text, found):
        self.path, self.name, self.start = path, found[1], found.start()
        self.end = block_at(text, found.end() - 1)
        # Its comment is what stands right over its first line.
        above = text[:text.rfind("\n", 0, self.start) + 1]
        self.comment = re.search(r"(?:^[ ]*//.*\n)*(?:^[ ]*template.*\n)?\Z", above, re.M)[0]
        self.text = text[self.start:self.end]


sources = {path: path.read_text() for folder in ("include", "src")
           for path in sorted((root / folder).rglob("*.[hc]pp"))}
functions = [function(path, text, found) for path, text in sources.items()
             for found in head.finditer(text) if found[1] not in keywords]
orders_of = {f.name for f in functions if order.search(f.text)}
complaints = []
count = 0

for path, text in sources.items():
    for access in order.finditer(text):
        line = text.count("\n", 0, access.start()) + 1
        where = f"{path.relative_to(root)}:{line}: {text.splitlines()[line - 1].strip()}"
        around = [f for f in functions if f.path == path and f.start < access.start() < f.end]
        if not around:
            continue  # passes an order on: a parameter's type
        f = min(around, key=lambda f: f.end - f.start)
        count += 1
        rest_of_line = text.find("\n", access.start())
        named = partners.findall(comments_in(f.comment + text[f.start:rest_of_line]))
        if not named:
            complaints.append(where + ": pairs with what?")
        for name in re.findall(r"(\w+)\(\)", " ".join(named)):
            if name not in orders_of:
                complaints.append(f"{where}: {name}() has no order to pair with")

known = {f.name for f in functions}
for path in sorted((root / "test" / "proofs" / "spin").glob("*.pml")):
    for comment, inline in re.findall(r"^(?:/\*((?:[^*]|\*(?!/))*)\*/\n)?inline (\w+)",
                                      path.read_text(), re.M):
        comment = re.sub(r"\s+\*?\s*", " ", comment)
        named = [name for name in re.findall(r"::(\w+)", comment) if name in known]
        if not named and "the model's own" not in comment:
            complaints.append(f"{path.relative_to(root)}: {inline} stands for what?")

runs = (root / "test" / "proofs" / "spin" / "run").read_text()
page = "docs/internals/proof.md"
for variant in re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", (root / page).read_text()):
    if variant not in runs:
        complaints.append(f"{page}: no unsafe variant is {variant}")

if count == 0:
    complaints.append("no memory orders were found")
if complaints:
    sys.exit("\n".join(complaints))
print(f"{count} orders with partners")
