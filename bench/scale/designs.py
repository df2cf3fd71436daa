"""The library's ways from a thread to a loop, as threads of machine.py.

A list's head is a line whose value is (version, calls queued); the loop's bell is odd while it
sleeps. Each design is what the sources do, step by step, where a step touches a shared line or
enters the kernel; everything else is a cost.
"""

from dataclasses import dataclass, field, replace

from machine import Event, Line, Machine


@dataclass(frozen=True)
class Costs:
    """ns. See figures.py for where they come from."""
    line: float = 33.0          # a cache line from another core
    keep: float = 0.0           # for so long a core keeps a line that others ask for
    cas: float = 5.4            # an atomic operation on a line that is here
    make: float = 3.0           # making a call, up to its CAS
    run: float = 6.0            # taking a call off and running it, apart from what it does
    fetch: float = 0.5          # the part of a queued call's own line that the loop waits for
    lane_make: float = 1.7
    lane_run: float = 2.0
    lane_fetch: float = 0.1
    look: float = 45.0          # a look of a spinning loop that finds work: the clock, 4 atomics
    turn: float = 300.0         # a turn of the loop that does not sleep
    write_wakes: float = 8800.0  # a write to an eventfd that wakes a sleeping core
    wake: float = 18000.0       # from its beginning until the loop runs


@dataclass(frozen=True)
class Load:
    work: float = 0.0   # ns: what a call does
    gap: float = 0.0    # ns between a producer's calls, on average at random; 0: a flood
    spin: float = 0.0   # ns for which a loop looks before it sleeps
    calls: int = 8000


@dataclass
class Seen:
    pushes: int = 0
    retries: int = 0
    rings: int = 0
    ran: int = 0
    latency: list = field(default_factory=list)


RING = 1024


class Loop:
    def __init__(self, m, costs, load, seen, producers):
        self.m, self.c, self.load, self.seen = m, costs, load, seen
        self.head = Line(m, costs.line, costs.cas, costs.keep, (0, 0))
        self.bell = Line(m, costs.line, costs.cas, costs.keep)
        self.wakes = Event(m)
        self.queued = []   # when each was posted
        self.lanes = [[] for _ in range(producers)]
        self.full = [None] * producers

    # -- the submission list

    def push(self, backoff):
        """submission_list::push, then core_base::wake."""
        posted = self.m.now
        version, depth = yield (self.head.read,)
        step = backoff
        while True:
            expected = (version, depth)
            old = yield (self.head.write, lambda v, e=expected: self.swap(v, e, posted))
            if old == expected:
                break
            self.seen.retries += 1
            version, depth = old
            if backoff:
                yield self.m.random.uniform(0, step)
                step = min(2 * step, 64 * backoff)
                version, depth = yield (self.head.read,)
        self.seen.pushes += 1
        yield from self.ring()

    def swap(self, value, expected, posted):
        if value != expected:
            return value
        self.queued.append(posted)
        return (value[0] + 1, value[1] + 1)

    def ring(self):
        episode = yield (self.bell.read,)
        if episode % 2 == 0:
            return
        self.seen.rings += 1
        self.m.at(self.m.now + self.c.wake, self.wakes.set)
        yield self.c.write_wakes
        yield (self.bell.write, lambda e: e + 1 if e == episode else e)

    def by_list(self):
        """core::before_poll and after_poll, for ever."""
        while True:
            found = False
            if self.load.spin:
                head = yield (self.head.read,)
                if head[1] == 0:
                    head = yield (self.head.wait, head, self.load.spin)
                found = head[1] > 0
            if found:
                yield self.c.look
            else:
                yield (self.bell.write, lambda e: e + 1 - e % 2)
                head = yield from self.look_again()
                if head[1] == 0:
                    yield (self.wakes.wait,)
                yield (self.bell.write, lambda e: e + e % 2)
                yield self.c.turn
            taken = yield (self.head.write, lambda v: (v[0] + 1, 0))
            batch = self.queued[:taken[1]]
            del self.queued[:taken[1]]
            yield from self.run(batch, self.c.run + self.c.fetch + self.load.work)

    def look_again(self):
        return (yield (self.head.read,))

    def run(self, batch, each):
        start = self.m.now
        for n, posted in enumerate(batch):
            self.seen.latency.append(start + n * each - posted)
        yield len(batch) * each
        self.seen.ran += len(batch)

    # -- lanes: a ring for each producer, which nobody else writes

    def put(self, lane):
        posted = self.m.now
        ring = self.lanes[lane]
        if len(ring) >= RING:
            self.full[lane] = Event(self.m)
            yield (self.full[lane].wait,)
            yield self.c.line
        ring.append(posted)
        self.seen.pushes += 1
        if len(ring) == 1:  # the consumer has looked at the tail since: it must come back
            yield self.c.cas  # a store buffer hides the rest
        yield from self.ring()

    def by_lanes(self):
        idle_since = None
        while True:
            found = 0
            for lane, ring in enumerate(self.lanes):
                if not ring:
                    yield HIT_LANE
                    continue
                batch = ring[:]
                yield self.c.line  # its tail
                yield from self.run(batch, self.c.lane_run + self.c.lane_fetch + self.load.work)
                del ring[:len(batch)]
                found += len(batch)
                if self.full[lane] is not None:
                    self.full[lane].set()
                    self.full[lane] = None
            if found:
                idle_since = None
                yield self.c.turn / 4  # a turn in four polls
                continue
            if idle_since is None:
                idle_since = self.m.now
            if self.m.now - idle_since < self.load.spin:
                yield 20.0
                yield (self.m.give_way,)
                continue
            yield (self.bell.write, lambda e: e + 1 - e % 2)
            yield self.c.turn
            if not any(self.lanes):
                yield (self.wakes.wait,)
            yield (self.bell.write, lambda e: e + e % 2)
            idle_since = None


HIT_LANE = 1.0  # a tail that has not changed is in the loop's cache


def simulate(design, cores, loops=1, costs=Costs(), load=Load(), choice="own", backoff=0.0,
             producers=None, fair=False, seed=1, place=None):
    """design: "list" or "lanes"; choice: how a producer finds its loop: "own" (one for ever),
    "in_turn" (a counter that all share), "least" (that counter, and a look at every bell).
    Returns (Seen, ns while calls came)."""
    m = Machine(seed, fair)
    producers = producers if producers is not None else max(1, cores - loops)
    seen = Seen()
    group = [Loop(m, costs, load, seen, producers) for _ in range(loops)]
    counter = Line(m, costs.line, costs.cas, costs.keep)
    ended = []

    def producer(me):
        make = costs.make if design == "list" else costs.lane_make
        mine = group[me % loops]
        while seen.pushes < load.calls:
            if load.gap:
                yield m.random.expovariate(1 / load.gap)
            yield make
            loop = mine
            if choice != "own":
                turn = yield (counter.write, lambda n: n + 1)
                loop = group[turn % loops]
            if choice == "least":
                least = None
                for n in range(loops):
                    looked = group[(turn + n) % loops]
                    episode = yield (looked.bell.read,)
                    depth = 0 if episode % 2 else 1 + len(looked.queued)
                    if least is None or depth < least:
                        least, loop = depth, looked
                    if depth == 0:
                        break
            yield from (loop.push(backoff) if design == "list" else loop.put(me))
        ended.append(m.now)

    core_of = place or (lambda kind, n: n if kind == "loop" else loops + n)
    for n, loop in enumerate(group):
        m.start(loop.by_list() if design == "list" else loop.by_lanes(), core_of("loop", n))
    for n in range(producers):
        m.start(producer(n), core_of("producer", n))
    m.run(lambda: len(ended) == producers and seen.ran == seen.pushes)
    if seen.ran != seen.pushes or len(ended) != producers:
        raise RuntimeError(f"{seen.pushes - seen.ran} calls were lost: a loop sleeps")
    return seen, m.now


def million_a_second(seen, ns):
    return seen.ran / ns * 1e3


def median(values):
    return sorted(values)[len(values) // 2] if values else 0.0


def percentile(values, p):
    return sorted(values)[min(len(values) - 1, int(len(values) * p))] if values else 0.0


__all__ = ["Costs", "Load", "Loop", "Seen", "simulate", "million_a_second", "median", "percentile",
           "replace"]
