#!/usr/bin/python3
"""Plots and tables of a run of the bench: plot.py RUN.json DIRECTORY

Writes DIRECTORY/NAME.png for each of the plots below, and DIRECTORY/figures.md: the targets with
their verdicts, one line for each measure, and all figures. RUN.json is what `tools/bench --json
RUN.json` leaves.
"""
import json
import pathlib
import statistics
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False,
                     "figure.constrained_layout.use": True})
COLOURS = {"floor": "#8a8a8a", "baseline": "#c44e52", "ours": "#2a7f62", "peer": "#9db7d5"}
SHADES = ["#2a7f62", "#66b399", "#0f4d3a", "#a6d8c5", "#7a9a01"]  # ours, mode by mode


class Run:
    def __init__(self, file):
        data = json.loads(pathlib.Path(file).read_text())
        self.date, self.remarks, self.targets = data["date"], data["remarks"], data["targets"]
        self.measures = {m["name"]: m for m in data["measures"] if m["rows"]}

    def rows(self, measure):
        return self.measures.get(measure, {"rows": []})["rows"]

    def contenders(self, measures, roles=COLOURS):
        """Names and roles of what was measured in any of them, in the order of the table."""
        found = {r["contender"]: r["role"] for m in measures for r in self.rows(m)}
        return sorted(((c, r) for c, r in found.items() if r in roles),
                      key=lambda of: list(COLOURS).index(of[1]))

    def rounds(self, measure, contender, figure):
        for row in self.rows(measure):
            if row["contender"] == contender:
                return row["rounds"].get(figure, [])
        return []

    def median(self, measure, contender, figure="median"):
        known = [v for v in self.rounds(measure, contender, figure) if v is not None]
        return statistics.median(known) if known else None

    def ratio(self, measure, contender, figure, to="naive"):
        """Round by round, then the median: as in report.cpp."""
        pairs = zip(self.rounds(measure, contender, figure), self.rounds(measure, to, figure))
        known = [a / b for a, b in pairs if a is not None and b]
        return statistics.median(known) if known else None


def colours(contenders):
    ours = iter(SHADES * 3)
    return {c: next(ours) if role == "ours" else COLOURS[role] for c, role in contenders}


def short(value):
    if value is None:
        return "-"
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def bars(axes, run, measure, figure, contenders, unit):
    """Horizontal bars, each with its value; logarithmic where they are far apart."""
    known = [(list(COLOURS).index(role), run.median(measure, c, figure), c)
             for c, role in contenders]
    known = [(c, v) for _, v, c in sorted((k for k in known if k[1]), reverse=True)]
    colour = colours(contenders)
    axes.barh([c for c, _ in known], [v for _, v in known], color=[colour[c] for c, _ in known])
    for y, (_, value) in enumerate(known):
        axes.text(value, y, " " + short(value), va="center", fontsize=7)
    values = [v for _, v in known]
    if max(values) > 12 * min(values):
        axes.set_xscale("log")
        axes.set_xlim(min(values) / 1.5, max(values) * 2)
    axes.margins(x=0.15)
    axes.set_title(measure, fontsize=9)
    axes.set_xlabel(unit)


def plot_bars(run, measures, figure, unit):
    measures = [m for m in measures if m in run.measures]
    if not measures:
        return None
    contenders = run.contenders(measures)
    plot, axes = plt.subplots(1, len(measures), figsize=(4.2 * len(measures), 4.6), squeeze=False)
    for at, measure in zip(axes[0], measures):
        bars(at, run, measure, figure, contenders, unit)
    return plot


def plot_lines(run, named, figure, label, xlabel, scale, peers):
    """A line for each contender over numbers of threads."""
    named = {x: m for x, m in named.items() if m in run.measures}
    contenders = [(c, role) for c, role in run.contenders(named.values())
                  if role in ("baseline", "ours") or c in peers]
    if not contenders:
        return None
    plot, axes = plt.subplots(figsize=(6.4, 4))
    colour = colours(contenders)
    markers = iter("osv^D<>pXP*dh" * 2)
    for contender, role in contenders:
        points = [(x, run.median(m, contender, figure)) for x, m in named.items()]
        points = [(x, y) for x, y in points if y]
        axes.plot([x for x, _ in points], [y for _, y in points], marker=next(markers),
                  label=contender, color=None if role == "peer" else colour[contender],
                  linestyle="--" if role == "peer" else "-")
    axes.set_xscale("log", base=2)
    axes.set_xticks(list(named), [str(x) for x in named])
    axes.set_yscale(scale)
    axes.set_ylim(bottom=0 if scale == "linear" else None)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(label)
    axes.legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return plot


def plots(run):
    places = ["same CPU", "across CPUs", "free placement"]
    yield "call", plot_bars(run, [f"call, {p}" for p in places], "median", "median, us")
    yield "call_p99", plot_bars(run, [f"call, {p}" for p in places], "p99", "p99, us")
    yield "neighbours", plot_bars(run, [f"call, {p}, busy neighbours" for p in places], "mean",
                                  "mean, us")
    yield "post", plot_bars(
        run, ["post, loop held in a callable", "burst of 1000, loop asleep before"], "median",
        "median, ns each")
    yield "callers", plot_lines(
        run, {1: "call, free placement", 4: "call, 4 callers, free placement",
              16: "call, 16 callers, free placement"},
        "median", "median, us", "callers", "log", ("asio", "libev", "Qt 5", "moodycamel"))
    threads = {n: f"throughput, {n} producer" + "s" * (n > 1) for n in (1, 2, 4, 8)}
    yield "throughput", plot_lines(run, threads, "throughput", "M calls/s", "producers", "linear",
                                   ("moodycamel", "wfcqueue", "asio", "naive improved"))
    memory = [m for m in run.measures if m.startswith("peak memory")]
    yield "memory", plot_bars(run, memory, "growth", "MB")


def table(header, lines):
    """In Markdown; the first column is text, the others are numbers."""
    yield "| " + " | ".join(header) + " |"
    yield "|---|" + "---:|" * (len(header) - 1)
    for line in lines:
        yield "| " + " | ".join(line) + " |"
    yield ""


def targets_table(run):
    yield "## Targets\n"

    def what(t):
        beside = f" / {t['beside']}" if t["beside"] else ""
        return f"{t['contender']}: {t['measure']}, {t['figure']}{beside}"

    yield from table(
        ["target", "measured", "limit", "verdict"],
        [[f"{t['goal']} ({what(t)})", short(t["measured"]), f"{t['relation']} {t['limit']:g}",
          t["verdict"]] for t in run.targets])


def summary_table(run):
    """The first figure of each measure: ours beside naive, the best floor, the best peer."""
    yield "## In short\n"
    ours = [c for c, _ in run.contenders(run.measures, ("ours",))]
    lines = []
    for name, measure in run.measures.items():
        figure = measure["figures"][0]
        best = min if figure["better"] == "lower" else max

        def best_of(role):
            known = [(run.median(name, r["contender"], figure["name"]), r["contender"])
                     for r in measure["rows"] if r["role"] == role]
            known = [k for k in known if k[0] is not None]
            return "{} ({})".format(short(best(known)[0]), best(known)[1]) if known else "-"

        def with_ratio(contender):
            value = run.median(name, contender, figure["name"])
            ratio = run.ratio(name, contender, figure["name"])
            return short(value) + (f" ({short(ratio)})" if ratio is not None else "")

        lines.append([f"{name}: {figure['name']}, {figure['unit']}", best_of("floor"),
                      short(run.median(name, "naive", figure["name"])), best_of("peer"),
                      *[with_ratio(c) for c in ours]])
    yield from table(["", "best floor", "naive", "best peer", *ours], lines)
    yield "In brackets after ours: the ratio to naive, the median of each round's own.\n"


def all_tables(run):
    yield "## All figures\n"
    for name, measure in run.measures.items():
        figures = measure["figures"]
        yield f"### {name[0].upper() + name[1:]}\n"
        yield from table(
            ["", *[f"{f['name']} {f['unit']}".strip() for f in figures]],
            [[r["contender"], *[short(run.median(name, r["contender"], f["name"]))
                                for f in figures]] for r in measure["rows"]])


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    run, directory = Run(sys.argv[1]), pathlib.Path(sys.argv[2])
    directory.mkdir(parents=True, exist_ok=True)
    for name, plot in plots(run):
        if plot is None:
            continue
        plot.savefig(directory / f"{name}.png", dpi=130)
        plt.close(plot)
    text = [f"# Figures of {run.date}\n", *run.remarks, "", *targets_table(run),
            *summary_table(run), *all_tables(run)]
    (directory / "figures.md").write_text("\n".join(text))


if __name__ == "__main__":
    main()
