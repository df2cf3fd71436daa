#!/usr/bin/env python3
"""Each line of docs/where.md names a test case that exists."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
case = re.compile(r'(?:TEST_CASE|WEAK_SCENARIO)\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)')


def cases(name):
    files = [root / "test" / (name + "_test.cpp")]
    if name == "weak_memory":
        files += (root / "test" / name).glob("*.hpp")
    found = set()
    for file in files:
        for literals in case.findall(file.read_text() if file.exists() else ""):
            found.add("".join(re.findall(r'"((?:[^"\\]|\\.)*)"', literals)))
    return found


lines = 0
wrong = []
for line in (root / "docs" / "where.md").read_text().splitlines():
    cells = [cell.strip() for cell in line.strip("|").split(" | ")]
    if not line.startswith("|") or len(cells) != 3 or cells[2] == "shown by":
        continue
    lines += 1
    named = re.fullmatch(r"`([a-z0-9_/]+)`: (.*?) *\|?", cells[2])
    if named is None or named[2] not in cases(named[1]):
        wrong.append(cells[2])
if lines < 20:
    wrong.append("the page's tables were not found")
if wrong:
    sys.exit("docs/where.md names tests that do not exist:\n" + "\n".join(wrong))
