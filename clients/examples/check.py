#!/usr/bin/env python3
"""check.py SECTION BUILD PREFIX: types what a section of README.md shows, and reads what is printed

Outside of the tree, and against what BUILD installs, in a scratch directory. Ports are others, as
those of the page may be taken. CXX is the compiler. Exit 77: the section's server is not installed.
"""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

here = pathlib.Path(__file__).resolve().parent
section, build, prefix = sys.argv[1:]
PATIENCE = 30  # seconds, for a server that starts


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return str(s.getsockname()[1])


def accepts(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", int(port))) == 0


def attempts():
    """As many as there is time for."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        yield
        time.sleep(0.02)


def steps():
    """(command, what it prints), with ports that are free."""
    text = (here / "README.md").read_text()
    text = re.search(rf"^## {section}\n.*?^```console\n(.*?)^```$", text, re.S | re.M).group(1)
    for port in set(re.findall(r"\b7\d{3}\b", text)):
        text = re.sub(rf"\b{port}\b", free_port(), text)
    return re.findall(r"^\$ (.*)\n((?:[^$].*\n)*)", text, re.M)


def install(scratch):
    """Has BUILD installed there, as its pkg-config files say then. The environment that finds it."""
    subprocess.run(["meson", "install", "-C", build, "--quiet", "--no-rebuild",
                    "--destdir", scratch], check=True)
    packages = list(pathlib.Path(scratch).rglob("loopbridge*.pc"))
    for pc in packages:
        pc.write_text(re.sub("^prefix=.*", f"prefix={scratch}{prefix}", pc.read_text(), flags=re.M))
    found = packages[0].parent
    return {**os.environ, "PKG_CONFIG_PATH": str(found), "LD_LIBRARY_PATH": str(found.parent),
            "PATH": os.environ["PATH"] + ":/usr/sbin"}


def type_in(command, expected, env):
    """Runs it. The servers that it starts are left running."""
    print("$", command, flush=True)
    program = command.split()[0]
    if not program.startswith("./") and not shutil.which(program, path=env["PATH"]):
        print(f"skipped: there is no {program}")
        sys.exit(77)
    if command.endswith("&"):
        servers.append(subprocess.Popen(command[:-1], shell=True, env=env,
                                        stdin=subprocess.DEVNULL))
        port = re.search(r"\b\d{4,5}\b", command).group()
        if not any(accepts(port) for _ in attempts()):
            sys.exit(f"nothing serves there in {PATIENCE} s")
        return
    if program == "c++":
        command = command.replace(program, os.environ["CXX"] + " -Wall -Wextra -Werror", 1)
    for _ in attempts():  # as what serves may still be at its start
        printed = subprocess.run(command, shell=True, env=env, text=True, timeout=120,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT).stdout
        if printed == expected:
            return
        if program == "c++":
            break
    sys.exit(f"it prints\n{printed}")


if os.getpgrp() != os.getpid():
    os.setpgrp()  # so that all that is started here ends with this
servers = []
with tempfile.TemporaryDirectory() as scratch:
    environment = install(scratch)
    shutil.copytree(here, scratch + "/try")
    os.chdir(scratch + "/try")
    try:
        for step in steps():
            type_in(*step, environment)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)
        for server in servers:
            server.wait(PATIENCE)
