#!/usr/bin/env python3
"""scale: how the list, lanes, groups and the doorbell behave on machines with up to 128 cores

    scale.py MEASURED [--out DIR]

MEASURED: what scale_measure printed, one JSON object a line. First the simulation is checked against
what was measured here, then it prints its tables; with --out, it also draws them there (SVG, PNG).
Run by tools/scale. docs/scale.md says what it means, and what it does not know.
"""

import argparse
import json
import sys

sys.dont_write_bytecode = True  # not into the source tree
from designs import Load, Seen, Loop, median, million_a_second, percentile, replace, simulate
from figures import SIZES, SOURCES, big, collect, here, regimes
from machine import Machine


def one_core_each(cores=2):
    """As the measurements place threads: the n-th producer on CPU n % 2, the loop on CPU 1."""
    return lambda kind, n: 1 if kind == "loop" else n % cores


def pushes(costs, producers, each=4000):
    """Pushes alone, on two CPUs: (M/s, retries a push)."""
    m = Machine()
    seen = Seen()
    loop = Loop(m, costs, Load(), seen, producers)

    def pusher():
        for _ in range(each):
            yield 0.5
            yield from loop.push(0)

    for n in range(producers):
        m.start(pusher(), n % 2)
    m.run(lambda: seen.pushes == producers * each)
    return seen.pushes / m.now * 1e3, seen.retries / seen.pushes


def calibrate(measured):
    """How long a core keeps the line, so that two that push fail as often as here."""
    wanted = measured["retries_2"][1]
    candidates = [here(measured, measured["line"][0] * k / 20) for k in range(0, 21)]
    off = [abs(pushes(c, 2, 1000)[1] - wanted) for c in candidates]
    # Of those that are equally good the middle one.
    good = [c for c, o in zip(candidates, off) if o <= min(off) + 0.02]
    return good[len(good) // 2]


def check(measured, costs):
    # Both ratios: other programs make the median worse than what the machine does alone, and the
    # best may be a lucky moment.
    print("\nChecked against this machine: simulated, measured, simulated / measured")
    print(f"{'':38}{'simulated':>11}{'best':>10}{'median':>10}{'/ best':>8}{'/ median':>9}")

    def row(what, name, simulated):
        best, middle = measured[name][:2]
        ratios = [f"{simulated / real:.2f}" if real else "" for real in (best, middle)]
        print(f"{what:38}{simulated:11.4g}{best:10.4g}{middle:10.4g}{ratios[0]:>8}{ratios[1]:>9}")

    for p in (1, 2, 4):
        rate, retries = pushes(costs, p)
        row(f"{p} pushing, M/s", f"pushes_{p}", rate)
        row("  retries a push" + (", median fitted" if p == 2 else ""), f"retries_{p}", retries)
    for p in (1, 2, 4):
        seen, ns = simulate("list", 2, producers=p, place=one_core_each(), costs=costs,
                            load=Load(calls=100_000 * p, spin=50_000))
        row(f"{p} posting to one loop, M/s run", f"throughput_{p}", million_a_second(seen, ns))
    for p in (1, 2, 4):
        seen, ns = simulate("lanes", 2, producers=p, place=one_core_each(), costs=costs,
                            load=Load(calls=200_000 * p, spin=1e9))
        row(f"{p} by lanes, M/s run", f"lane_throughput_{p}", million_a_second(seen, ns))
    for p in (1, 2, 4):
        seen, _ = simulate("list", 2, producers=1, place=one_core_each(), costs=costs,
                           load=Load(calls=4000, gap=100_000 / p))
        row(f"a call each {100 // p} us: median ns to its run", f"latency_{p}", median(seen.latency))
        row("  rings a call", f"rings_{p}", seen.rings / seen.pushes)
    for loops in (1, 2):
        for choice, name in (("in_turn", "in_turn"), ("own", "by_key"), ("least", "least_queued")):
            # A key for each call, so each loop has its share: as if each had a producer.
            seen, ns = simulate("list", 2, loops=loops, producers=loops if choice == "own" else 1,
                                choice=choice, costs=costs,
                                load=Load(work=2000, calls=4000, spin=50_000))
            row(f"calls of 2 us, {loops} loops, {choice}, k/s", f"group_{name}_{loops}",
                million_a_second(seen, ns) * 1e3)


def short(value):
    return f"{value:.0f}" if value >= 99.5 else f"{value:.1f}" if value >= 9.95 else f"{value:.2f}"


def span(values):
    return "-".join(dict.fromkeys(short(v) for v in (min(values), max(values))))


def group_size(cores):
    return max(1, cores // 4)


# Name, then what simulate() gets for so many cores.
FLOOD = [
    ("list, 1 loop", lambda n: dict(design="list")),
    ("  with backoff", lambda n: dict(design="list", backoff=True)),
    ("lanes, 1 loop", lambda n: dict(design="lanes")),
    ("group, own loop", lambda n: dict(design="list", loops=group_size(n))),
    ("group, in turn", lambda n: dict(design="list", loops=group_size(n), choice="in_turn")),
    ("group, least queued", lambda n: dict(design="list", loops=group_size(n), choice="least")),
]


def run(local, cores, which, load, kept=True, **how):
    costs = big(local, cores, which)
    if not kept:
        costs = replace(costs, keep=0.0)
    if how.pop("backoff", False):  # the best of several
        return max((simulate(cores=cores, costs=costs, load=load, backoff=by * costs.line, **how)
                    for by in (1, 8, 64)), key=lambda found: million_a_second(*found))
    return simulate(cores=cores, costs=costs, load=load, **how)


def flood(local):
    """{design: {cores: {kept: [(M/s, retries a push) for the cheap and the dear machine]}}}"""
    found = {}
    for name, how in FLOOD:
        for cores in SIZES:
            for kept in (True, False):
                for which in (0, 1) if cores > 2 else (0,):
                    load = Load(calls=max(4000, 60 * cores), spin=2000)
                    seen, ns = run(local, cores, which, load, kept, **how(cores))
                    found.setdefault(name, {}).setdefault(cores, {}).setdefault(kept, []).append(
                        (million_a_second(seen, ns), seen.retries / seen.pushes))
    print("\nFlood: each core that runs no loop posts empty calls without pause. Millions run a "
          "second;\nthe group has a loop for each four cores. A range: from the dearest to the "
          "cheapest machine.\n'kept': a core keeps a contended line as long as here; 'lost': it "
          "loses it at once.")
    print(f"{'':26}" + "".join(f"{n:>15}" for n in SIZES))
    for name, _ in FLOOD:
        for kept, word in ((True, "kept"), (False, "lost")):
            if name.startswith("lanes") and not kept:
                continue
            cells = [span([rate for rate, _ in found[name][n][kept]]) for n in SIZES]
            print(f"{name:20}{word:6}" + "".join(f"{c:>15}" for c in cells))
    print("CAS retries a push")
    for name, _ in FLOOD:
        for kept, word in ((True, "kept"), (False, "lost")):
            if name.startswith("lanes"):
                continue
            cells = [span([r for _, r in found[name][n][kept]]) for n in SIZES]
            print(f"{name:20}{word:6}" + "".join(f"{c:>15}" for c in cells))
    return found


PACED = [("1 loop", 0, 1, "own"), ("1 loop, spins", 50_000, 1, "own"),
         ("group, own loop", 0, None, "own"), ("group, own loop, spins", 50_000, None, "own"),
         ("group, in turn", 0, None, "in_turn"), ("group, least queued", 0, None, "least"),
         ("group, least, spins", 50_000, None, "least")]
WORK, GAP = 500.0, 10_000.0


def paced(local):
    """[(name, {cores: [(rings a call, median, p99) for cheap and dear]})]"""
    found = []
    for name, spin, loops, choice in PACED:
        of = {}
        for cores in SIZES:
            n = loops or group_size(cores)
            for which in (0, 1) if cores > 2 else (0,):
                seen, _ = run(local, cores, which,
                              Load(work=WORK, gap=GAP, spin=spin, calls=max(4000, 100 * cores)),
                              design="list", loops=n, choice=choice)
                of.setdefault(cores, []).append((seen.rings / seen.pushes, median(seen.latency),
                                                 percentile(seen.latency, 0.99)))
        found.append((name, of))
    print(f"\nPaced: each core that runs no loop posts a call of {WORK:.0f} ns each {GAP / 1e3:.0f} "
          "us on average, at random.")
    for title, pick in (("Doorbell writes a call", 0), ("Median us, post to run", 1),
                        ("99th percentile, us", 2)):
        print(f"{title:26}" + "".join(f"{n:>15}" for n in SIZES))
        for name, of in found:
            scale = 1 if pick == 0 else 1e-3
            cells = [span([v[pick] * scale for v in of[n]]) for n in SIZES]
            print(f"{name:26}" + "".join(f"{c:>15}" for c in cells))
    return found


def draw(found, timed, out):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    figure, (left, middle, right) = pyplot.subplots(1, 3, figsize=(15, 4.6))

    def band(axes, of, pick, **style):
        low = [min(pick(v) for v in of(n)) for n in SIZES]
        high = [max(pick(v) for v in of(n)) for n in SIZES]
        line, = axes.plot(SIZES, [(a * b) ** 0.5 for a, b in zip(low, high)], marker="o", **style)
        axes.fill_between(SIZES, low, high, alpha=0.2, color=line.get_color())

    for name, _ in FLOOD:
        band(left, lambda n: found[name][n][True], lambda v: v[0], label=name.strip())
    for name in ("list, 1 loop", "group, own loop"):
        band(left, lambda n: found[name][n][False], lambda v: v[0], linestyle="--",
             label=f"{name}, line lost")
    for name in ("list, 1 loop", "  with backoff", "group, own loop"):
        for kept, style in ((True, "-"), (False, "--")):
            band(middle, lambda n: found[name][n][kept], lambda v: max(v[1], 0.001),
                 linestyle=style, label=f"{name.strip()}, line {'kept' if kept else 'lost'}")
    for name, of in timed:
        if name.startswith("1 loop") or "own" in name:
            band(right, lambda n: of[n], lambda v: v[1] / 1e3, label=name)
    left.set(title="empty calls run, flood", ylabel="millions a second")
    middle.set(title="CAS retries", ylabel="a push")
    right.set(title="median latency, paced", ylabel="us from post to run")
    for axes in (left, middle, right):
        axes.set(xscale="log", yscale="log", xlabel="cores (simulated)", xticks=SIZES)
        axes.set_xticklabels(SIZES)
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7)
    figure.tight_layout()
    for kind in ("svg", "png"):
        figure.savefig(f"{out}/scale.{kind}", dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("measured")
    parser.add_argument("--out")
    arguments = parser.parse_args()
    with open(arguments.measured, encoding="utf-8") as lines:
        samples = list(map(json.loads, lines))
    wanted = {s["name"] for s in samples}
    found = [(name, collect(of)) for name, of in regimes(samples)]
    # One that lasted for a moment only has no figure of everything.
    found = [(name, measured) for name, measured in found
             if measured.keys() == wanted and min(of[3] for of in measured.values() if of[3] > 1) > 3]
    if not found:
        sys.exit("scale: too few rounds to tell; try more")
    locals_of = []
    for name, measured in found:
        print(f"\n{'Measured here, ' + name:40}{'best':>10}{'median':>10}{'worst':>10}{'of':>5}")
        for what, values in measured.items():
            print(f"{what:40}" + "{:10.4g}{:10.4g}{:10.4g}{:5}".format(*values))
        locals_of.append(calibrate(measured))
        print(f"\nA contended line stays with a core for {locals_of[-1].keep:.1f} ns, which fits "
              "retries_2.")
        check(measured, locals_of[-1])
    local = locals_of[0]
    print("\nFor big machines")
    for source in SOURCES:
        print("  {}: {} ({})\n    {}".format(*source))
    found = flood(local)
    timed = paced(local)
    if arguments.out:
        draw(found, timed, arguments.out)


if __name__ == "__main__":
    main()
