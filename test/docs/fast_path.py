#!/usr/bin/env python3
"""The walk of docs/internals/fast_path.md is true: each step's lines are where the page says, and all
of it is short enough to be read in one sitting.

A row names a file with its first and last line, and the text that its first line has. Counted are the
files and the lines of all rows; MOST_FILES and MOST_LINES are the limits. A row whose text stands
elsewhere, or whose end is not the end of a function, is an error; --fix writes the lines anew.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "internals" / "fast_path.md"
ROW = re.compile(r"^\| `([\w/.]+):(\d+)-(\d+)` \| `([^`]+)` \|", re.M)
MOST_FILES = 7
MOST_LINES = 450


def extent(lines, text):
    """First and last line, from 1, of the function that begins with the line that has `text`, with its
    own comment; None unless there is one. `class NAME: text`: the first one in that class."""
    begin = 0
    if text.startswith("class "):
        name, text = text.split(": ", 1)
        begins = [i for i, line in enumerate(lines) if re.match(name + r"\b.*[^;]$", line)]
        begin = begins[0] if begins else len(lines)
        lines_from = [i for i in range(begin, len(lines)) if text in lines[i]]
        found = lines_from[:1]
    else:
        found = [i for i, line in enumerate(lines)
                 if text in line and not line.lstrip().startswith("//")]
    if len(found) != 1:
        return None
    first = last = found[0]
    depth = 0
    opened = False
    for last in range(first, len(lines)):
        code = re.sub(r'"(\\.|[^"])*"|//.*', "", lines[last])
        depth += code.count("{") - code.count("}")
        opened = opened or "{" in code
        if (opened and depth <= 0) or (not opened and code.rstrip().endswith(";")):
            break
    while first > 0 and re.match(r"\s*(///?|template|//)", lines[first - 1]):
        first -= 1
    return first + 1, last + 1


def main():
    page = PAGE.read_text()
    complaints = []
    files = set()
    total = 0
    for match in ROW.finditer(page):
        name, first, last, text = match.group(1), int(match.group(2)), int(match.group(3)), match.group(4)
        lines = (ROOT / name).read_text().splitlines()
        is_at = extent(lines, text)
        if is_at is None:
            complaints.append("%s: `%s` is there not once" % (name, text))
            continue
        if is_at != (first, last):
            complaints.append("%s: `%s` is at %d-%d, not %d-%d" % (name, text, *is_at, first, last))
            page = page.replace("`%s:%d-%d` | `%s`" % (name, first, last, text),
                                "`%s:%d-%d` | `%s`" % (name, *is_at, text))
        files.add(name)
        total += is_at[1] - is_at[0] + 1
    if "--fix" in sys.argv:
        PAGE.write_text(page)
    print("%d files, %d lines" % (len(files), total))
    if len(files) > MOST_FILES or total > MOST_LINES or not files:
        complaints.append("that is not one sitting: at most %d files and %d lines" %
                          (MOST_FILES, MOST_LINES))
    if complaints and "--fix" not in sys.argv:
        sys.exit("\n".join(complaints))


main()
