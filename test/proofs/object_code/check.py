#!/usr/bin/env python3
"""check.py OBJDUMP LIBRARY HANDLER_SIDE UNSAFE LAZY: what handlers may call, in machine code.

Disassembles the library, and the functions of handler_side.cpp, which are all that the headers let
a handler call. Follows every path from those through all that they reach, and fails on a call that
leaves the two for anything but ALLOWED: so on allocation, locks, guards of static variables, lazily
made thread_locals, exceptions. The code must also be bound when it is loaded, since lazy binding
takes the dynamic linker's locks.

Paths, not whole functions: a landing pad is reached from the unwinder alone, and nothing on these
paths throws, so the calls of std::terminate and _Unwind_Resume in there do not count.

unsafe.cpp has one function for each thing that must be found, and LAZY is bound lazily: the test
fails unless it finds them all.
"""

import functools
import re
import subprocess
import sys

sys.dont_write_bytecode = True  # not into the source tree
from machine_code import Module

ALLOWED = {
    "syscall": "the doorbell's write and the futex: enters the kernel, takes no lock",
    "__errno_location": "the address of errno",
    "pthread_self": "reads a register",
    "_ZNSt6chrono3_V212steady_clock3nowEv": "clock_gettime, which POSIX lets handlers call",
    "_ZNSt6chrono3_V212system_clock3nowEv": "the same",
    "_ZSt8to_charsPcS_d": "computes: no locale, no allocation; not so that of long double",
    "_ZSt8to_charsPcS_f": "the same",
    "strerrordesc_np": "async-signal-safe, says glibc: a table of untranslated texts",
    "memchr": "up to the end of a text",
    "memset": "fills bytes",
    "sched_getcpu": "reads what the kernel keeps in the thread's own memory, or asks it",
    "memcpy": "bytes of a closure, no more than a slot's",
    "uv_async_send": "async-signal-safe, says libuv; a wait in a handler is refused before",
    "write": "the last words of a process whose doorbell somebody closed",
    "abort": "and its end",
    "pthread_setcancelstate": "an atomic exchange in the thread's own descriptor",
    "__stack_chk_fail": "the end of a process whose stack is overwritten, where that is checked",
}
NEVER_RETURN = {"abort", "__stack_chk_fail", "_ZSt9terminatev", "_Unwind_Resume", "__cxa_throw",
                "__cxa_rethrow", "__assert_fail"}
# The virtual functions that handlers call. Such a call is known by the place in a vtable alone, so
# one of another function in the same place would be taken for these.
VIRTUAL = {
    "_ZTVN10loopbridge6detail12_GLOBAL__N_118wakeup_fd_doorbellE": ["4ringE", "16handler_may_waitE"],
    "_ZTVN10loopbridge6detail12_GLOBAL__N_117uv_async_doorbellE": ["4ringE",
                                                                    "16handler_may_waitE"],
}
# If the walk does not come here, it does not do what it says.
MUST_REACH = ["reentrant_state4fireE", "reentrant_state13fire_and_waitE", "completion4waitE",
              "futex_wake_allE", "9loop_core4ringE", "wakeup_fd_doorbell4ringE", "uv_async_doorbell4ringE",
              "4core14stop_reentrantE", "queue_base4wakeE", "log_sink4takeE", "write_log_textE"]
# unsafe.cpp: what each function must be blamed for.
MUST_FIND = {
    "unsafe_new": "_Znwm",
    "unsafe_delete": "_ZdlPv",
    "unsafe_malloc": "malloc",
    "unsafe_lock": "pthread_mutex_lock",
    "unsafe_static": "__cxa_guard_acquire",
    "unsafe_throw": "__cxa_",
    "unsafe_thread_local": "__tls_get_addr",
    "unsafe_deep": "malloc",
    "unsafe_pointer": "a call through a pointer",
    "unsafe_tail": "_Znwm",
    "unsafe_virtual": "a call through a pointer",
}

JUMP = re.compile(r"(?:^|\s)(call|jmp|j[a-z]+|ret|hlt|ud2)q?(?:\s+(.*))?$")
DIRECT = re.compile(r"([0-9a-f]+) <(.*)>$")
FILLING = re.compile(r"((data16|cs) )*nop|xchg +%ax,%ax$|int3")
THROUGH_GOT = re.compile(r"\*0x[0-9a-f]+\(%rip\)\s+# [0-9a-f]+ <([^@>+]+)")


def last_write(module, at, came_from, register):
    """Where the register was last written, on the path by which the walk came here; and how."""
    passed = set()
    while (at := came_from.get(at)) is not None and at not in passed:
        passed.add(at)
        text = module.code[at][0]
        if text.endswith("," + register) and not text.startswith(("cmp", "test")):
            return at, text
    return None, ""


def vtable_offset(module, at, came_from):
    """The place in a vtable that the call at `at` goes to; None if that is not what it does."""
    text = module.code[at][0]
    if register := re.search(r"\*(%r\w+)$", text):
        at, text = last_write(module, at, came_from, register.group(1))
    slot = re.search(r"(?:\*|mov +)(?:0x([0-9a-f]+))?\((%r\w+)\)", text)
    if slot is None:
        return None
    # A vtable's address is what an object begins with.
    _, load = last_write(module, at, came_from, slot.group(2))
    return int(slot.group(1) or "0", 16) if re.match(r"mov +\(%r\w+\),", load) else None


def is_switch(module, at, came_from):
    register = re.search(r"\*(%r\w+)$", module.code[at][0])
    return register and last_write(module, at, came_from, register.group(1))[1].startswith("add ")


class Walk:
    def __init__(self, modules, virtual):
        self.modules = modules
        self.virtual = virtual  # offset: [(module, address)]
        self.blamed = {}  # (from, what): the path to it
        self.reached = set()
        self.returns = {}  # (module, address): may the function return?

    def defined(self, name):
        for module in self.modules:
            if name in module.symbols:
                return module, module.symbols[name]
        return None

    def leave(self, name, path):
        """A call of `name`; may it return?"""
        if target := self.defined(name):
            return self.function(*target, path)
        if name not in ALLOWED:
            self.blamed.setdefault((path[-1], name), path)
        return name not in NEVER_RETURN

    def through_pointer(self, module, at, came_from, path):
        targets = self.virtual.get(vtable_offset(module, at, came_from), [])
        if not targets:
            self.blamed.setdefault((path[-1], "a call through a pointer"), path)
        for target in targets:
            self.function(*target, path)
        return True

    def function(self, module, entry, path):
        """Follows every path from `entry`; True if one returns."""
        key = (module, entry)
        if key in self.returns:
            return self.returns[key]
        self.returns[key] = True  # where it calls itself
        path = (*path, module.name_at(entry))
        self.reached.add(path[-1])
        may_return = False
        seen, todo = set(), [entry]
        came_from = {}
        while todo:
            at = todo.pop()
            while at is not None and at not in seen:
                seen.add(at)
                text, following = module.code[at]
                jump = JUMP.search(text.split("#")[0].rstrip() if "(%rip)" not in text else text)
                if jump is None:
                    came_from.setdefault(following, at)
                    at = following
                    continue
                kind, operand = jump.group(1), jump.group(2) or ""
                direct = DIRECT.match(operand)
                outside = None
                if direct and int(direct.group(1), 16) in module.plt:
                    outside = module.plt[int(direct.group(1), 16)]
                elif got := THROUGH_GOT.match(operand):
                    outside = got.group(1)
                goes_on = False
                targets = []
                if kind in ("ret", "hlt", "ud2"):
                    may_return |= kind == "ret"
                elif kind == "call":
                    if outside is not None:
                        goes_on = self.leave(outside, path)
                    elif direct:
                        goes_on = self.function(module, int(direct.group(1), 16), path)
                    else:
                        goes_on = self.through_pointer(module, at, came_from, path)
                elif kind == "jmp":
                    if outside is not None:
                        may_return |= self.leave(outside, path)
                    elif direct:
                        targets = [int(direct.group(1), 16)]
                    elif is_switch(module, at, came_from):
                        # A switch: to anywhere in this function, but not to what fills it up, which
                        # would lead on into the next one.
                        name = module.name_at(at)
                        targets = [a for a, (text, _) in module.code.items()
                                   if module.name_at(a) == name and not FILLING.match(text)]
                    else:
                        may_return |= self.through_pointer(module, at, came_from, path)
                else:
                    targets = [int(direct.group(1), 16)]
                    goes_on = True
                for target in [*targets, *([following] if goes_on else [])]:
                    came_from.setdefault(target, at)
                todo += targets
                at = following if goes_on else None
        self.returns[key] = may_return
        return may_return


@functools.cache
def demangled(name):
    return subprocess.run(["c++filt", name], text=True, stdout=subprocess.PIPE).stdout.strip()


def starts(module, prefix):
    return {n: a for n, a in module.symbols.items()
            if n.startswith(prefix) and "." not in n and a in module.code}


def main():
    objdump, library, handler_side, unsafe, lazy = sys.argv[1:]
    library, handler_side, unsafe, lazy = (
        Module(objdump, p) for p in (library, handler_side, unsafe, lazy))
    virtual = {}
    for vtable, names in VIRTUAL.items():
        slots = library.slots(vtable, names)
        if len(slots) != len(names):
            sys.exit(f"{vtable}: found {len(slots)} of {len(names)} virtual functions")
        for offset, address in slots.items():
            virtual.setdefault(offset, []).append((library, address))
    complaints = []

    walk = Walk([handler_side, library], virtual)
    entries = starts(handler_side, "handler_")
    for address in entries.values():
        walk.function(handler_side, address, ())
    for (_, what), path in walk.blamed.items():
        complaints.append(f"a handler reaches {demangled(what)}, by "
                          + " > ".join(demangled(n) for n in path))
    for part in MUST_REACH:
        if not any(part in name for name in walk.reached):
            complaints.append(f"the walk does not come to {part}: is it still right?")
    for name, module in (("the library", library), ("the handlers' side", handler_side)):
        if not module.bound_at_load:
            complaints.append(f"{name} is bound lazily: link with -Wl,-z,now")

    found = starts(unsafe, "unsafe_")
    if found.keys() != MUST_FIND.keys():
        complaints.append(f"unsafe.cpp has {sorted(found)}")
    for name, address in found.items():
        control = Walk([unsafe, library], virtual)
        control.function(unsafe, address, ())
        if not any(what.startswith(MUST_FIND[name]) for _, what in control.blamed):
            complaints.append(f"{name} is not blamed for {MUST_FIND[name]}, but for "
                              f"{[what for _, what in control.blamed]}")
    if lazy.bound_at_load:
        complaints.append("the lazily bound control seems not to be")

    print(f"{len(entries)} entries, {len(walk.reached)} functions, "
          f"{len(found)} unsafe ones found")
    for name in sorted(walk.reached):
        print("  reached", demangled(name))
    if complaints:
        sys.exit("\n".join(complaints))


main()
