"""What objdump says of a shared library of x86-64."""

import bisect
import re
import subprocess
import sys


class Module:
    """One shared library, disassembled."""

    def __init__(self, objdump, path):
        def text(*options):
            return subprocess.run([objdump, *options, path], check=True, text=True,
                                  stdout=subprocess.PIPE).stdout

        if "elf64-x86-64" not in text("-f"):
            print("skipped: only x86-64's code is understood")
            sys.exit(77)
        self.code = {}  # address: (instruction's text, address of the next)
        self.plt = {}  # address: the name behind it
        starts = []
        at = None
        for line in text("-d", "-w", "--no-show-raw-insn").splitlines():
            if head := re.match(r"([0-9a-f]+) <(.*)>:$", line):
                address, name = int(head.group(1), 16), head.group(2)
                starts.append((address, name))
                if name.endswith("@plt"):
                    self.plt[address] = name[:-4].split("@")[0]
            elif insn := re.match(r" *([0-9a-f]+):\t(.*)$", line):
                address = int(insn.group(1), 16)
                if at is not None:
                    self.code[at[0]] = (at[1], address)
                at = (address, insn.group(2).strip())
        if at is not None:
            self.code[at[0]] = (at[1], None)
        starts.sort()
        self.start_addresses = [a for a, _ in starts]
        self.start_names = [n for _, n in starts]

        self.symbols = {}  # of its own, also local ones
        table = re.compile(r"([0-9a-f]+) .{7} (\S+)\t[0-9a-f]+ +(?:\.hidden )?(\S+)$")
        for line in text("-t").splitlines():
            if (entry := table.match(line)) and entry.group(2) not in ("*UND*", "*ABS*"):
                self.symbols.setdefault(entry.group(3).split("@")[0], int(entry.group(1), 16))

        self.bound_at_load = re.search(r"^ *FLAGS_1 +0x[0-9a-f]*[13579bdf]$", text("-p"),
                                       re.M) is not None
        self.pointers = {}  # address: the address in it
        for line in text("-R").splitlines():
            if entry := re.match(r"([0-9a-f]+) R_X86_64_\w+ +(\S+?)(?:\+0x([0-9a-f]+))?$", line):
                where, symbol, addend = entry.groups()
                base = 0 if symbol == "*ABS*" else self.symbols.get(symbol.split("@")[0])
                if base is not None:
                    self.pointers[int(where, 16)] = base + int(addend or "0", 16)

    def name_at(self, address):
        return self.start_names[bisect.bisect_right(self.start_addresses, address) - 1]

    def slots(self, vtable, names):
        """{offset in the vtable: address} of the functions that have these in their names."""
        first = self.symbols[vtable] + 16  # after the offset to top and the type
        found = {}
        for offset in range(0, 256, 8):
            target = self.pointers.get(first + offset)
            if target in self.code and any(n in self.name_at(target) for n in names):
                found.setdefault(offset, target)
            elif target is None:
                break
        return found
