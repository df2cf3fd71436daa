#!/usr/bin/env python3
"""check.py macros|warnings|errors UV_INCLUDE COMPILER...: the public headers, in other people's builds;
the clients' too, which need no package to be compiled

macros    each compiles where macros.hpp is defined, after the standard and libuv headers that it
          needs, which cannot bear that
warnings  no warning that a project could mean comes from them, or from everything.hpp, clients.hpp
          and senders.hpp, which use all of them
errors    each program in wrong.cpp fails to compile, and the compiler says in one of its first
          errors what to do
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
INCLUDES = [ROOT / "include", ROOT / "clients" / "include"]
ALL = {str(p.relative_to(i)): p for i in INCLUDES for p in i.rglob("*.hpp")}
HEADERS = sorted(h for h in ALL if "detail" not in h.split("/"))

# What users turn on: the issue trackers of header libraries are full of them.
WARNINGS = """-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
  -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-align -Wcast-qual -Wunused -Wdouble-promotion
  -Wformat=2 -Wimplicit-fallthrough -Wundef -Wextra-semi -Wmissing-declarations -Wredundant-decls
  -Wfloat-equal -Wnull-dereference""".split()
GCC = """-Wuseless-cast -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wsuggest-override
  -Wctor-dtor-privacy -Wcomma-subscript -Wredundant-tags -Wmismatched-tags""".split()
# All that clang has, but for these.
CLANG = ["-Weverything", "-Wno-unknown-warning-option"] + ["-Wno-" + w for w in """
  c++98-compat c++98-compat-pedantic c++20-compat
  padded
  switch-default
  unsafe-buffer-usage
  weak-vtables
  """.split()]
# c++*-compat: C++20 is the floor. padded: no fault. switch-default: the opposite of
# covered-switch-default, which is on. unsafe-buffer-usage: forbids pointers. weak-vtables: a class
# without a source file has its table in every object file, and the linker keeps one.

# Debian has no senders: a header that wants them comes behind the tests' stand-in.
STAND_IN = "#include <mini_execution.hpp>\n#define LOOPBRIDGE_EXECUTION_NAMESPACE mini_execution\n"
SENDERS = "loopbridge/execution.hpp"

# Meson's MALLOC_PERTURB_ would slow them down by a third.
ENVIRONMENT = {**os.environ, "LC_ALL": "C", "CCACHE_DISABLE": "1", "MALLOC_PERTURB_": "0"}


class Compiler:
    def __init__(self, command, uv_include, scratch):
        self.command = command.split()
        version = subprocess.run(self.command + ["--version"], stdout=subprocess.PIPE, text=True,
                                 check=True).stdout
        self.is_clang = "clang" in version
        self.name = version.splitlines()[0]
        self.flags = ["-std=c++20", "-I", str(HERE), "-isystem", str(HERE.parent.parent / "support")]
        for i in INCLUDES:
            self.flags += ["-I", str(i)]
        if uv_include:
            self.flags += ["-idirafter", uv_include]
        self.scratch = pathlib.Path(scratch)
        self.has_spdlog = self.run("#include <spdlog/sinks/sink.h>\n")[0]

    def headers(self):
        return [h for h in HEADERS if "spdlog" not in h or self.has_spdlog]

    def run(self, source, *flags):
        """(did it compile, what it said)"""
        done = subprocess.run(
            self.command + self.flags + ["-fsyntax-only", *flags, "-x", "c++", "-"],
            input=source, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=ENVIRONMENT, check=False)
        return done.returncode == 0, done.stdout

    def precompile(self, text):
        """The flags that put `text` in front of a source, compiled once."""
        stem = self.scratch / ("prelude_clang.hpp" if self.is_clang else "prelude.hpp")
        stem.write_text(text)
        made = stem.with_suffix(".hpp.pch" if self.is_clang else ".hpp.gch")
        subprocess.run(self.command + self.flags + ["-x", "c++-header", stem, "-o", made],
                       env=ENVIRONMENT, check=True)
        return ["-include-pch", str(made)] if self.is_clang else ["-include", str(stem)]


def include(header):
    return (STAND_IN if header == SENDERS else "") + "#include <%s>\n" % header


def macros(compiler):
    # What is not ours: the standard library, the system, libuv.
    others = {h: set(re.findall(r"^#include <(?!loopbridge).*>$", p.read_text(), re.M))
              for h, p in ALL.items()}
    optional = {line for lines in others.values() for line in lines
                if "spdlog" in line or "execution" in line}
    prelude = compiler.precompile("\n".join(sorted(set().union(*others.values()) - optional)) + "\n")
    for header in compiler.headers():
        own = "".join(line + "\n" for line in others[header] & optional)
        own += STAND_IN if header == SENDERS else ""
        well, said = compiler.run(own + '#include "macros.hpp"\n' + include(header), *prelude)
        yield well, header, said


def warnings(compiler):
    flags = ["-Werror"] + WARNINGS + (CLANG if compiler.is_clang else GCC)
    everything = ('#include "everything.hpp"\n#include "clients.hpp"\n#include "senders.hpp"\n'
                  "int main() { everything().use(); (void)use_clients; use_senders(); }\n")
    # All at once, for the time that each takes alone is that of the standard headers.
    well, said = compiler.run("".join(map(include, compiler.headers())) + everything, *flags)
    yield well, "all of them", said


def errors(compiler):
    first, *programs = re.split(r"^//! (.*)$", (HERE / "wrong.cpp").read_text(), flags=re.M)
    umbrella = "".join(include(h) for h in compiler.headers()
                       if "spdlog" not in h and h != SENDERS)
    prelude = compiler.precompile("#include <uv.h>\n#include <array>\n" + umbrella + first)
    for says, program in zip(programs[::2], programs[1::2]):
        compiles, said = compiler.run(program, *prelude)
        lines = [line for line in said.splitlines() if " error: " in line]
        yield not compiles and any(says in line for line in lines[:3]), program.strip(), (
            "no error" if compiles else "%r should be among the first of these, in %d lines:\n%s" %
            (says, len(said.splitlines()), "\n".join(lines[:5])))


def main():
    what, uv_include, *commands = sys.argv[1:]
    failures = 0
    with tempfile.TemporaryDirectory() as scratch:
        for command in commands:
            compiler = Compiler(command, uv_include, scratch)
            looked_at = 0
            for well, name, said in {"macros": macros, "warnings": warnings, "errors": errors}[what](compiler):
                looked_at += 1
                if not well:
                    failures += 1
                    print("%s, %s:\n%s" % (compiler.name, name, "\n".join(said.splitlines()[:40])))
            print("%s: %d looked at" % (compiler.name, looked_at))
    sys.exit(1 if failures else 0)


main()
