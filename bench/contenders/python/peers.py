#!/usr/bin/python3
"""Round trips of Python's event loops in a background thread: peers.py PEER PLACEMENT SECONDS

Prints what measures/round_trip.hpp has in its columns, as a JSON object. PLACEMENT is `same`,
`apart` or `free`. Without arguments: prints the peers that are installed here. For Debian's
Python, because the peers are Debian's packages.
"""
import contextlib
import importlib.util
import json
import os
import resource
import statistics
import sys
import threading
import time


@contextlib.contextmanager
def in_thread(target, ready):
    """Runs `target` in a thread until the block ends; `ready` is set by it when it runs."""
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    ready.wait()
    yield
    thread.join()


@contextlib.contextmanager
def twisted():
    from twisted.internet import reactor, threads

    ready = threading.Event()
    reactor.callWhenRunning(ready.set)
    with in_thread(lambda: reactor.run(installSignalHandlers=False), ready):
        yield lambda f: threads.blockingCallFromThread(reactor, f)
        reactor.callFromThread(reactor.stop)


@contextlib.contextmanager
def crochet():
    """What Crochet's wait_for does, which is not in Debian: a Deferred, and an event for it."""
    from twisted.internet import defer, reactor

    def call(f):
        done = threading.Event()
        result = []

        def finished(value):
            result.append(value)
            done.set()

        reactor.callFromThread(lambda: defer.maybeDeferred(f).addBoth(finished))
        done.wait(10)
        return result[0]

    ready = threading.Event()
    reactor.callWhenRunning(ready.set)
    with in_thread(lambda: reactor.run(installSignalHandlers=False), ready):
        yield call
        reactor.callFromThread(reactor.stop)


@contextlib.contextmanager
def trio():
    import trio as library

    ready = threading.Event()
    kept = {}

    async def main():
        kept["token"] = library.lowlevel.current_trio_token()
        kept["end"] = library.Event()
        ready.set()
        await kept["end"].wait()

    with in_thread(lambda: library.run(main), ready):
        call = library.from_thread.run_sync
        yield lambda f: call(f, trio_token=kept["token"])
        kept["token"].run_sync_soon(kept["end"].set)


@contextlib.contextmanager
def asyncio():
    import asyncio as library

    loop = library.new_event_loop()
    ready = threading.Event()
    loop.call_soon(ready.set)
    with in_thread(loop.run_forever, ready):

        def call(f):
            async def run():
                return f()

            return library.run_coroutine_threadsafe(run(), loop).result()

        yield call
        loop.call_soon_threadsafe(loop.stop)


@contextlib.contextmanager
def anyio():
    from anyio.from_thread import start_blocking_portal

    with start_blocking_portal() as portal:
        yield portal.call


PEERS = {f.__name__: f for f in (twisted, crochet, trio, asyncio, anyio)}


def pin(placement, second):
    """Binds the calling thread, as placement.cpp does."""
    cpus = sorted(os.sched_getaffinity(0))
    if placement != "free":
        os.sched_setaffinity(0, {cpus[1 if second and placement == "apart" else 0]})


def times_of(call, seconds):
    times = []
    end = time.perf_counter() + seconds
    while True:
        before = time.perf_counter()
        if before > end and len(times) >= 10:
            return times
        assert call(lambda: 1) == 1
        times.append((time.perf_counter() - before) * 1e6)


def percentile(values, percent):
    return sorted(values)[round((len(values) - 1) * percent / 100)]


def installed():
    modules = {"crochet": "twisted"}
    return [p for p in PEERS if importlib.util.find_spec(modules.get(p, p))]


def main():
    if len(sys.argv) == 1:
        print("\n".join(installed()))
        return
    peer, placement, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    with PEERS[peer]() as call:
        call(lambda: pin(placement, True))
        pin(placement, False)
        times_of(call, seconds / 5)
        before = resource.getrusage(resource.RUSAGE_SELF)
        times = times_of(call, seconds)
        after = resource.getrusage(resource.RUSAGE_SELF)

    def used(*names):
        return sum(getattr(after, n) - getattr(before, n) for n in names) / len(times)

    print(json.dumps({
        "median": statistics.median(times),
        "mean": statistics.fmean(times),
        "p99": percentile(times, 99),
        "p99.9": percentile(times, 99.9),
        "CPU": used("ru_utime", "ru_stime") * 1e6,
        "switches": used("ru_nvcsw", "ru_nivcsw"),
    }))


if __name__ == "__main__":
    main()
