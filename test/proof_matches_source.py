#!/usr/bin/env python3
"""docs/proof.md, proof_of_orders.md and proof_of_lanes.md speak of the sources as they are.

Each `file`, `function` there is followed by a block of that file's lines, which must be found in it
after the function's name, in their order. Each line of include/ and src/ that names a memory order
must be quoted, as often as it stands there. Each inline of the models must be mentioned, and each
unsafe variant that is mentioned must be one of theirs.
"""
import collections
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
page = "".join((root / "docs" / p).read_text() for p in ("proof.md", "proof_of_orders.md", "proof_of_lanes.md"))
complaints = []


def code(line):
    """The line without its comment and indentation."""
    return re.sub(r"\s*//.*", "", line).strip()


def lines_of(name):
    return [code(line) for line in (root / name).read_text().splitlines()]


quoted = collections.defaultdict(collections.Counter)
entry = re.compile(r"^\*\*`([^`]+)`, `([^`]+)`\*\*[^*]*?```cpp\n(.*?)^```$", re.S | re.M)
entries = list(entry.finditer(page))
if len(entries) != page.count("```cpp\n"):
    complaints.append("a block of code has no **`file`, `function`** of its own before it")
for name, function, block in (e.groups() for e in entries):
    if not (root / name).is_file():
        complaints.append(f"{name} is no file")
        continue
    source = lines_of(name)
    word = re.compile(r"\b" + re.escape(function.split("::")[-1]) + r"\b")
    starts = [n for n, line in enumerate(source) if word.search(line)]
    wanted = [code(line) for line in block.splitlines()]
    quoted[name].update(line for line in wanted if "memory_order_" in line)

    def found_after(start):
        """Do the lines stand there, in this order, before the function is too far away?"""
        at = start
        for line in wanted:
            at = next((n for n in range(at, min(start + 60, len(source))) if source[n] == line),
                      None)
            if at is None:
                return line
            at += 1
        return None

    missing = [found_after(start) for start in starts]
    if not starts:
        complaints.append(f"{name} has no {function}")
    elif None not in missing:
        complaints.append(f"{name}: after {function} there is no line, or not in this order: "
                          f"{max(missing, key=lambda line: wanted.index(line))}")

for folder in ("include", "src"):
    for path in sorted((root / folder).rglob("*.[hc]pp")):
        name = str(path.relative_to(root))
        for line, count in collections.Counter(
                line for line in lines_of(name) if "memory_order_" in line).items():
            if quoted[name][line] != count:
                complaints.append(f"{name}: stands there {count} times, with an argument in the "
                                  f"pages {quoted[name][line]} times: {line}")

words = set(re.findall(r"`([^`\n]+)`", page))
models = "".join(p.read_text() for p in (root / "test" / "model").glob("*.pml"))
for inline in sorted(set(re.findall(r"^inline (\w+)", models, re.M))):
    if inline not in words:
        complaints.append(f"the models' {inline} is not mentioned")
for variant in sorted(w for w in words if re.fullmatch(r"[A-Z]+(_[A-Z]+)+", w)):
    if variant not in (root / "test" / "model" / "run").read_text():
        complaints.append(f"no unsafe variant is {variant}")

if complaints:
    sys.exit("docs/proof*.md:\n" + "\n".join(complaints))
print(f"{len(entries)} places, {sum(sum(c.values()) for c in quoted.values())} lines with orders")
