#!/usr/bin/env python3
"""Each line of docs/reference/where.md, and of the tables of Crochet's tests, names a test case
that exists; and each link of the pages leads to a file."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent.parent
case = re.compile(r'(?:TEST_CASE(?:_TEMPLATE)?|WEAK_SCENARIO)\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)')

# Tests are called by their files, in these folders with something before; or with the folder.
begins = {"laws": "law_", "stepping": "stepping_", "faults": "faults_", "soak": "soak_"}
tests = {}
for path in (root / "test").rglob("*_test.cpp"):
    stem, folder = path.name[:-len("_test.cpp")], path.parent.name
    tests[begins.get(folder, "") + stem] = tests[folder + "/" + stem] = path


def cases(name):
    files = [tests[name]] if name in tests else []
    if name == "weak_memory":
        files += tests[name].parent.glob("*.hpp")
    found = set()
    for file in files:
        for literals in case.findall(file.read_text()):
            found.add("".join(re.findall(r'"((?:[^"\\]|\\.)*)"', literals)))
    return found


def is_true(shown_by):
    named = re.search(r"`([a-z0-9_/]+)`: (.*?) *\|?$", shown_by)
    if named is None:  # a reason why there is no test
        return re.match(r"— \w", shown_by) is not None
    return named[2] in cases(named[1])


def check(page, heading, fewest):
    """The last column of the tables with that heading, in at least so many lines."""
    lines = 0
    wrong = []
    for line in (root / "docs" / page).read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| --") or line.startswith("|--"):
            continue
        if not line.startswith("|") or cells[-1] == heading:
            in_table = line.startswith("|")
            continue
        if not in_table or len(cells) != 3:
            continue
        lines += 1
        if not all(cells) or not is_true(cells[2]):
            wrong.append(cells[0] + ": " + cells[2])
    if lines < fewest:
        wrong.append("the page's tables were not found")
    return [page + ": " + w for w in wrong]


wrong = check("reference/where.md", "shown by", 20)
wrong += check("coming_from/crochet.md", "here", 90)
if wrong:
    sys.exit("docs/ names tests that do not exist:\n" + "\n".join(wrong))

link = re.compile(r"\]\(([\w./-]+)(?:#[\w-]*)?\)")
for page in [root / "README.md", *(root / "docs").rglob("*.md")]:
    wrong += [f"{page.relative_to(root)}: {to}" for to in link.findall(page.read_text())
              if re.search("[./]", to) and not (page.parent / to).exists()]
if wrong:
    sys.exit("links lead nowhere:\n" + "\n".join(wrong))
