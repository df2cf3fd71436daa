"""What steps cost, here (measured) and on big machines (from public sources)."""

from dataclasses import replace

from designs import Costs

# ns to move a cache line from one core to another: medians over a machine's pairs of cores.
CORE_TO_CORE = "github.com/nviennot/core-to-core-latency, README"
# us to leave an idle state, by which Linux chooses among them.
IDLE = "Linux, drivers/idle/intel_idle.c, exit_latency"
SOURCES = [
    ("line, one socket", "46 ... 115 ns", "AWS Graviton3, 64 cores ... AMD EPYC 7773X, 64 cores; "
     "Intel Xeon 8375C, 32 cores, 51", CORE_TO_CORE),
    ("line, two sockets", "108 ... 197 ns", "2 x Intel Xeon 8375C ... 2 x AMD EPYC 7R13",
     CORE_TO_CORE),
    ("leaving idle", "1 ... 4 us; 170 ... 290 us", "C1 and C1E; C6 of Granite and Sapphire Rapids",
     IDLE),
    ("who gets a contended line next", "at random", "an approximation of how hardware schedules",
     "Alistarh, Censor-Hillel, Shavit: Are Lock-Free Concurrent Algorithms Practically Wait-Free? "
     "arxiv.org/abs/1311.3200"),
]
# No public figures were found for these; they are assumptions:
#   the kernel's part of a wake-up, without what idling adds: 2 us (here, on one CPU: half of
#   the bench's bare epoll and futex round trip)
#   a write that wakes: 1 us on bare metal; here it is an exit to the hypervisor
#   computing: as here
KERNEL_WAKE = 2000.0
BARE_WRITE = 1000.0
C1, C6 = 1000.0, 290_000.0

SIZES = (2, 4, 16, 64, 128)
LINE = {4: (46, 115), 16: (46, 115), 64: (46, 115), 128: (108, 197)}


def regimes(samples):
    """[(name, samples)]: apart where moving a line cost much more. A virtual machine's CPUs may be
    near to each other in one second and far apart in the next, and what is compared must be of the
    same machine."""
    lines = [s["line"] for s in samples]
    low, high = min(lines), sorted(lines)[int(len(lines) * 0.95)]
    if high < 3 * low:
        return [("all samples", samples)]
    middle = (low * high) ** 0.5
    near = [s for s in samples if s["line"] <= middle]
    far = [s for s in samples if s["line"] > middle]
    return [("CPUs near to each other", near), ("CPUs far apart", far)]


def collect(samples):
    """{name: (best, median, worst, of how many)}"""
    all_of = {}
    for s in samples:
        all_of.setdefault(s["name"], []).append(s["value"])
    found = {}
    for name, values in all_of.items():
        # Other programs can only make it worse.
        used = sorted(values, reverse=name.startswith(HIGHER))
        found[name] = (used[0], used[len(used) // 2], used[-1], len(used))
    # Of one round, the best one: where the loop had to wait for its CPU, few had to ring.
    for n in (1, 2, 4):
        if f"rings_{n}" in all_of:
            latency = all_of[f"latency_{n}"]
            found[f"rings_{n}"] = (all_of[f"rings_{n}"][latency.index(min(latency))],) * 3 + (1,)
    return found


HIGHER = ("pushes", "throughput", "lane_throughput", "group")


def here(measured, keep=0.0):
    best = {name: of[0] for name, of in measured.items()}
    return Costs(
        line=best["line"], keep=keep, cas=best["cas"], make=max(0.5, best["post"] - best["cas"]),
        run=best["run_same_cpu"], fetch=max(0.0, best["run_other_cpu"] - best["run_same_cpu"]),
        lane_make=best["lane_post"], lane_run=best["lane_run_same_cpu"],
        lane_fetch=max(0.0, best["lane_run_other_cpu"] - best["lane_run_same_cpu"]),
        turn=best["turn"], look=best["clock"] + 4 * best["cas"],
        write_wakes=best["write_that_wakes"], wake=best["wake"])


def big(local, cores, which):
    """The cheap (0) or the dear (1) machine of so many cores. What depends on moving lines grows
    with that; a core keeps a line for as large a part of that time as here."""
    if cores == 2:
        return local
    line = LINE[cores][which]
    by = line / local.line
    return replace(local, line=line, keep=local.keep * by, fetch=local.fetch * by,
                   lane_fetch=local.lane_fetch * by, write_wakes=BARE_WRITE,
                   wake=KERNEL_WAKE + (C1 if which == 0 else C6))
