"""A machine of many cores in simulated time: threads, cache lines, and what they cost.

A thread is a generator. It yields what it does next, and is resumed when that is done:

    ns                                  it computes, for so long
    (line.read,)                        -> the line's value
    (line.write, f)                     value = f(value), as one atomic operation -> the old value
    (line.wait, value, ns)              it looks until the value is another, or time is up -> value
    (event.wait,)                       it sleeps until event.set()
    (machine.give_way,)                 it lets others of its core run, if there are any

A cache line is with one core that may write it, or with any number that may read it. To get it
costs `line` ns if another has it, and next to nothing if not. A line that somebody wants for
writing moves from core to core, one at a time; who of those that wait comes next is drawn at random
(`fair` makes it a queue), since that is what hardware has been seen to come to. Who has just got it
keeps it for `keep` ns: the next one's request takes its time to arrive.

Threads of one core take turns: whenever one sleeps or gives way, and every `slice_ns`.
"""

import heapq
import random

HIT = 1.0  # ns: a line that is here already


class Machine:
    def __init__(self, seed=1, fair=False, slice_ns=3e6, switch_ns=1500.0):
        self.now = 0.0
        self.random = random.Random(seed)
        self.fair = fair
        self.slice_ns, self.switch_ns = slice_ns, switch_ns
        self._cores = {}  # core: [the thread it runs, since when, [(thread, value) that wait for it]]
        self._events = []
        self._count = 0

    def at(self, when, what, *arguments):
        self._count += 1
        heapq.heappush(self._events, (when, self._count, what, arguments))

    def start(self, thread, core):
        self._cores.setdefault(core, [None, 0.0, []])
        self.at(self.now, self._resume, thread, core, None)

    def run(self, until):
        """Until `until()` says so, or nothing happens any more."""
        while self._events and not until():
            self.now, _, what, arguments = heapq.heappop(self._events)
            what(*arguments)

    def done(self, after, thread, core, value):
        self.at(self.now + after, self._resume, thread, core, value)

    def leave(self, core):
        """The thread that the core runs sleeps, or has ended: it is the next one's turn."""
        state = self._cores[core]
        state[0] = None
        if state[2]:
            thread, value = state[2].pop(0)
            state[0], state[1] = thread, self.now + self.switch_ns
            self.done(self.switch_ns, thread, core, value)

    def give_way(self, thread, core):
        state = self._cores[core]
        if state[2]:
            state[2].append((thread, None))
            self.leave(core)
        else:
            self.done(HIT, thread, core, None)

    def _resume(self, thread, core, value):
        state = self._cores[core]
        if state[0] is None:
            state[0], state[1] = thread, self.now
        elif state[0] is not thread:
            state[2].append((thread, value))
            return
        elif state[2] and self.now - state[1] > self.slice_ns:
            state[2].append((thread, value))
            self.leave(core)
            return
        try:
            wish = thread.send(value)
        except StopIteration:
            self.leave(core)
            return
        if isinstance(wish, (int, float)):
            self.at(self.now + wish, self._resume, thread, core, None)
        else:
            wish[0](thread, core, *wish[1:])


class Line:
    """See above. `moves` counts how often it went from one core to another."""

    def __init__(self, machine, cost, atomic, keep=0.0, value=0):
        self.machine, self.cost, self.atomic, self.keep = machine, cost, atomic, keep
        self.value = value
        self._kept_until = 0.0
        self.owner = None
        self.readers = set()
        self.moves = 0
        self._busy = False
        self._queue = []
        self._watchers = []

    def read(self, thread, core):
        if self.owner == core or core in self.readers:
            self.machine.done(HIT, thread, core, self.value)
        elif self.owner is None:  # many may copy what nobody writes
            self.readers.add(core)
            self.moves += 1
            self.machine.done(self.cost, thread, core, self.value)
        else:
            self._ask(thread, core, None)

    def write(self, thread, core, change):
        if not self._busy and self.owner == core:
            old = self._change(change)
            self.machine.done(self.atomic, thread, core, old)
        else:
            self._ask(thread, core, change)

    def wait(self, thread, core, value, how_long):
        if self.value != value:
            self.read(thread, core)
            return
        watcher = [thread, core, True]
        self._watchers.append(watcher)
        self.machine.at(self.machine.now + how_long, self._end_watch, watcher, HIT)

    def _end_watch(self, watcher, after):
        thread, core, waiting = watcher
        if not waiting:
            return
        watcher[2] = False
        self._watchers.remove(watcher)
        if after == HIT:
            self.machine.done(HIT, thread, core, self.value)
        else:
            self.read(thread, core)

    def _change(self, change):
        old = self.value
        self.value = change(old)
        if self.value != old:
            for watcher in list(self._watchers):
                self._end_watch(watcher, None)
        return old

    def _ask(self, thread, core, change):
        self._queue.append((thread, core, change))
        self._next()

    def _next(self):
        if not self._queue or self._busy:
            return
        if self.machine.now < self._kept_until:
            self.machine.at(self._kept_until, self._next)
            return
        n = 0 if self.machine.fair else self.machine.random.randrange(len(self._queue))
        thread, core, change = self._queue.pop(n)
        self._busy = True
        moved = 0.0 if self.owner == core else self.cost
        self.moves += moved > 0
        takes = moved + (HIT if change is None else self.atomic)
        self.machine.at(self.machine.now + takes, self._served, thread, core, change)

    def _served(self, thread, core, change):
        self._busy = False
        if change is None:
            if self.owner is not None:
                self.readers = {self.owner}
            self.owner = None
            self.readers.add(core)
            value = self.value
        else:
            self.owner, self.readers = core, set()
            value = self._change(change)
        self._kept_until = self.machine.now + self.keep
        self.machine.done(0.0, thread, core, value)
        self._next()


class Event:
    """What a loop sleeps on. Set while nobody sleeps, it lets the next one through."""

    def __init__(self, machine):
        self.machine = machine
        self._set = False
        self._sleeper = None

    def set(self):
        if self._sleeper is not None:
            sleeper, self._sleeper = self._sleeper, None
            self.machine.done(0.0, *sleeper, None)
        else:
            self._set = True

    def wait(self, thread, core):
        if self._set:
            self._set = False
            self.machine.done(0.0, thread, core, None)
        else:
            self._sleeper = (thread, core)
            self.machine.leave(core)
