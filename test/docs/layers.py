#!/usr/bin/env python3
"""Each file of include/ and src/ has a layer, and includes nothing from above it, nor itself.

The layers are the first table of docs/internals/design.md, the highest first.
"""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent.parent
PAGE = "docs/internals/design.md"


def table_of(page):
    """[(the layer's name, the names of its files, whether libuv is known there)], the lowest first"""
    rows = re.findall(r"^\| ([^|`]+) \| (`[^|]+) \|([^|\n]*)\|$", page, re.M)
    return [(name, re.findall(r"`([^`]+)`", files), "yes" in libuv)
            for name, files, libuv in reversed(rows)]


def stands_for(name, path):
    """A folder for what is in it; the end of a path for the files of that name."""
    path = "/" + path
    if name.endswith("/"):
        return "/" + name in path
    return any(end.endswith("/" + name) for end in (path, re.sub(r"\.[hc]pp$", "", path)))


def layer_of(path, layers):
    """The number of the layer of the file, by the longest name that stands for it; None: in none."""
    fits = [(len(name), number) for number, (_, names, _) in enumerate(layers) for name in names
            if stands_for(name, path)]
    return max(fits)[1] if fits else None


def cycle_in(arrows):
    """The files of a cycle, in its order; none: []"""
    done = set()

    def visit(file, way):
        if file in way:
            return way[way.index(file):]
        if file in done:
            return []
        done.add(file)
        for to in sorted(arrows.get(file, ())):
            if found := visit(to, [*way, file]):
                return found
        return []

    return next((found for file in sorted(arrows) if (found := visit(file, []))), [])


def complaints(texts, layers):
    """`texts`: by the name under which a file is included, or its path in src/."""
    wrong, arrows = [], {}
    for file, text in texts.items():
        of_file = layer_of(file, layers)
        if of_file is None:
            wrong.append(f"{file} has no layer: give it one in {PAGE}")
            continue
        for kind, wanted in re.findall(r'^\s*#\s*include\s+([<"])([^>"]+)', text, re.M):
            if wanted == "uv.h" and not layers[of_file][2]:
                wrong.append(f"{file} includes uv.h, in a layer that does not know libuv")
            folders = [str(pathlib.PurePath(file).parent) + "/", "", "src/"]
            to = next((folder + wanted for folder in folders if folder + wanted in texts), None)
            if to is None:
                if kind == '"':
                    wrong.append(f"{file} includes {wanted}, which is no file of include/ and src/")
                continue
            arrows.setdefault(file, set()).add(to)
            of_wanted = layer_of(to, layers)
            if of_wanted is not None and of_wanted > of_file:
                wrong.append(f"{file} ({layers[of_file][0]}) includes {to} ({layers[of_wanted][0]}), "
                             "which is above")
    if cycle := cycle_in(arrows):
        wrong.append("includes itself: " + " > ".join([*cycle, cycle[0]]))
    return wrong


def controls():
    """What must be found in a small house, and that nothing is in one that is well."""
    layers = [("low", ["a", "low/"], False), ("high", ["b", "src/a"], True)]
    well = {"a.hpp": "", "b.hpp": '#include "a.hpp"\n#include <uv.h>', "src/a.cpp": '#include "b.hpp"',
            "low/x.hpp": '#include "y.hpp"', "low/y.hpp": '#include "a.hpp"'}
    if found := complaints(well, layers):
        return [f"found without cause: {found}"]
    broken = {
        "which is above": {"a.hpp": '#include "b.hpp"', "b.hpp": ""},
        "includes itself: low/x.hpp > low/y.hpp > low/x.hpp": {"low/y.hpp": ' # include "x.hpp"'},
        "does not know libuv": {"low/x.hpp": "#include <uv.h>"},
        "has no layer": {"c.hpp": ""},
        "is no file": {"b.hpp": '#include "gone.hpp"'},
    }
    wrong = [f"not found: {what}" for what, files in broken.items()
             if sum(what in c for c in complaints(well | files, layers)) != 1]
    return wrong


def main():
    texts = {str(path.relative_to(root)).removeprefix("include/"): path.read_text()
             for folder in ("include", "src") for path in sorted((root / folder).rglob("*.[hc]pp"))}
    layers = table_of((root / PAGE).read_text().split("## Layers")[1].split("\n## ")[0])
    wrong = controls() + complaints(texts, layers)
    wrong += [f"{PAGE}: {name} is no file" for _, names, _ in layers for name in names
              if not any(stands_for(name, file) for file in texts)]
    if len(layers) < 5 or not texts:
        wrong.append("no layers, or no sources, were found")
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{len(texts)} files in {len(layers)} layers")


main()
