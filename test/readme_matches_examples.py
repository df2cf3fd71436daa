#!/usr/bin/env python3
"""Each C++ block of the README is a part of a compiled example, word for word.

With --write, puts the examples' current text there instead: the whole of hello.cpp, and what
stands between the [readme] marks of the others, in the README's order.
"""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
examples = ["hello", "blocking_program", "worker_threads", "signal_handler", "coroutines",
            "scheduler", "ctrl_c", "other_loop", "event_lane", "many_loops", "under_pressure", "shared_loop", "queue_of_signals", "logging"]


def shown(name):
    text = (root / "examples" / (name + ".cpp")).read_text()
    marked = re.search(r"// \[readme\]\n(.*?)// \[/readme\]\n", text, re.S)
    return marked.group(1) if marked else text


block = re.compile(r"^```cpp\n(.*?)^```$", re.S | re.M)
readme = (root / "README.md").read_text()
parts = iter([shown(name) for name in examples])
expected = block.sub(lambda _: "```cpp\n" + next(parts) + "```", readme)
if "--write" in sys.argv[1:]:
    (root / "README.md").write_text(expected)
elif len(block.findall(readme)) != len(examples) or readme != expected:
    sys.exit("README.md does not show the examples as they are; run " + sys.argv[0] + " --write")
