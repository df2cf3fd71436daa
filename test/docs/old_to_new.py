#!/usr/bin/env python3
"""old_to_new CXX UV_INCLUDE: what the page on earlier versions puts in the place of old names compiles.

Each row of docs/coming_from/earlier_versions.md has, in its second column, code in backticks: a
statement, an expression, or an #include. All of it is compiled, after PRELUDE; words without
backticks are for readers only. A control with a name that is not there must not compile.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "coming_from" / "earlier_versions.md"

PRELUDE = """
using namespace std::chrono_literals;
using namespace loopbridge;
[[maybe_unused]] static int f() { return 1; }
[[maybe_unused]] static int g(int n) { return n; }
struct detached {
  struct promise_type {
    detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() {}
  };
};
struct names {
  bridge b;
  bridge_group group{2};
  options opts;
  eventual<int> e = b.submit(f);
  detached coroutine() { %s co_return; }
};
"""


def snippets():
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) < 2 or cells[0] == "was" or set(cells[0]) <= {"-"}:
            continue
        yield from re.findall(r"`([^`]+)`", cells[1].replace("\\|", "|"))


def compiles(compiler, uv_include, code):
    includes = sorted({s for s in code if s.startswith("#include")})
    awaits = [s for s in code if s.startswith("co_await")]
    rest = [s for s in code if not s.startswith(("#include", "co_await"))]
    text = "#include <coroutine>\n#include <loopbridge/loopbridge.hpp>\n" + "\n".join(includes)
    text += PRELUDE % " ".join("{ %s; }" % s for s in awaits)
    text += "void use(names& n) {\n  auto& [b, group, opts, e] = n;\n"
    text += "\n".join("  { %s; }" % s for s in rest) + "\n}\n"
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "old_to_new.cpp"
        source.write_text(text)
        done = subprocess.run(compiler.split() + ["-std=c++20", "-fsyntax-only", "-w",
                              "-I", str(ROOT / "include"), "-I", uv_include, str(source)],
                              capture_output=True, text=True)
    return done.returncode == 0, done.stderr


def main():
    compiler, uv_include = sys.argv[1:3]
    code = list(snippets())
    if len(code) < 20:
        sys.exit("old_to_new: the page has only %d pieces of code" % len(code))
    fine, errors = compiles(compiler, uv_include, code)
    if not fine:
        sys.exit("old_to_new: the second column does not compile:\n" + errors[-3000:])
    if compiles(compiler, uv_include, code + ["b.with(1)"])[0]:
        sys.exit("old_to_new: the control compiles")
    print("%d pieces of code compile" % len(code))


main()
