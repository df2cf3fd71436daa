#!/usr/bin/env python3
"""Each C++ block of the README and of the pages below is a part of a compiled example or test, word for word.

With --write, puts the examples' current text there instead: the whole of hello.cpp, and what
stands between the [readme] marks of the others, in their order.
"""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent.parent
documents = {
    "README.md": ["hello", "blocking_program", "worker_threads", "signal_handler", "coroutines"],
    "docs/guide.md": ["results", "scheduler", "ctrl_c", "shared_loop", "other_loop", "under_pressure",
                      "many_loops", "test/unit/execution/sender_guide_test", "manual_bridge"],
    "docs/queue_and_log.md": ["queue_of_signals", "logging"],
    "docs/reference/own_client.md": ["raw_socket"],
    "clients/README.md": ["clients/examples/redis"],
}


def shown(name):
    text = (root / (name if "/" in name else "examples/" + name)).with_suffix(".cpp").read_text()
    marked = re.search(r"// \[readme\]\n(.*?)// \[/readme\]\n", text, re.S)
    return marked.group(1) if marked else text


block = re.compile(r"^```cpp\n(.*?)^```$", re.S | re.M)
for name, examples in documents.items():
    path = root / name
    text = path.read_text()
    if len(block.findall(text)) != len(examples):
        sys.exit(f"{name} has another number of blocks than {sys.argv[0]} has examples for it")
    parts = iter([shown(example) for example in examples])
    expected = block.sub(lambda _: "```cpp\n" + next(parts) + "```", text)
    if "--write" in sys.argv[1:]:
        path.write_text(expected)
    elif text != expected:
        sys.exit(f"{name} does not show the examples as they are; run {sys.argv[0]} --write")
