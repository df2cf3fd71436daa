#!/usr/bin/env python3
"""Only src/platform/ knows an operating system.

Elsewhere in include/ and src/ no condition of the preprocessor asks for more than the language, the
compiler and its options, and no system's header is included: what is without a namespace of its own
is the C++ library's, libuv's, spdlog's or stdexec's.
"""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent.parent
MAY_BE_ASKED = re.compile(r"defined|__has_feature|__has_include|__cpp_\w+|__clang__|__GNUC__|"
                          r"__SANITIZE_\w+|address_sanitizer|LOOPBRIDGE_\w+")
MAY_BE_INCLUDED = re.compile(r"[a-z_]+|uv\.h|(?:spdlog|stdexec)/.*")
# The type of a public option is the system's: options::blocked_signals.
PUBLIC_TYPES = {("include/loopbridge/options.hpp", "signal.h")}


def complaints(name, text):
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.split("//")[0]
        if condition := re.match(r"\s*#\s*(?:el)?if(?:n?def)?\b(.*)", line):
            asked = re.findall(r"[A-Za-z_]\w*", re.sub(r"<[^>]*>", "", condition[1]))
            found += [f"{name}:{number}: asks for {word}" for word in asked
                      if not MAY_BE_ASKED.fullmatch(word)]
        for header in re.findall(r"<([\w/.]+)>", line if line.lstrip().startswith("#") else ""):
            if not MAY_BE_INCLUDED.fullmatch(header) and (name, header) not in PUBLIC_TYPES:
                found.append(f"{name}:{number}: wants <{header}>")
    return found


# What must be found, each alone, and what must not.
BAD = ["#ifdef __linux__", "#if defined(__APPLE__)", "#ifndef _WIN32", "#elif __FreeBSD__ > 12",
       "  #  if defined(__clang__) && !defined(__linux__)", "#ifdef SIGPWR", "#if __GLIBC_PREREQ(2, 32)",
       "#include <unistd.h>", "#include <sys/mman.h>", "#  include <pthread.h>", "#include <errno.h>",
       "#if __has_include(<linux/membarrier.h>)"]
GOOD = ["#ifdef __cpp_rtti", "#if defined(__SANITIZE_ADDRESS__)", "#include <cerrno>",
        "#if 1  // __linux__", "#include <uv.h>", "#include <spdlog/sinks/sink.h>", '#include "platform/platform.hpp"',
        "bool linux = unix < signal.h > 0;", "// #ifdef __linux__"]

wrong = [f"not found: {text}" for text in BAD if len(complaints("a", "\n" + text)) != 1]
wrong += [f"found without cause: {text}" for text in GOOD if complaints("a", text)]
files = 0
for folder in ("include", "src"):
    for path in sorted((root / folder).rglob("*.[hc]pp")):
        name = str(path.relative_to(root))
        if not name.startswith("src/platform/"):
            files += 1
            wrong += complaints(name, path.read_text())
if files == 0:
    wrong.append("no sources were found")
if wrong:
    sys.exit("\n".join(wrong))
print(f"{files} files know no system, {len(BAD)} bad lines were found")
