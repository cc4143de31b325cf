#!/usr/bin/env python3
"""Draws cost against epsilon, a panel a set: ours (benches/quality/results.tsv), the prototype and the peers (bench/targets.tsv of --shared).

Standard library alone. The same tables give the same bytes: no date, path or font goes into the picture, and its text is text, in
the reader's own font. Colours follow the reader's light or dark setting. Sets without peers, or with fewer than three epsilons, have no panel.
"""

import argparse
import csv
import math
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent

# In the order of the panels.
SETS = {
    "hh_real": "households, 2,469 × 19, k = 8",
    "adult": "Adult, 30,162 × 6, k = 8",
    "retail_10k_d16": "retail, 10,000 × 16, k = 8",
    "retail_20k_d64": "retail, 20,000 × 64, k = 8",
    "retail_100k_d16": "retail, 100,000 × 16, k = 8",
    "retail_100k_d32": "retail, 100,000 × 32, k = 8",
    "s1_5k": "S1-like, 5,000 × 2, k = 15",
    "s2_5k": "S2-like, 5,000 × 2, k = 15",
    "s1_100k": "S1-like, 100,000 × 2, k = 15",
    "s2_100k": "S2-like, 100,000 × 2, k = 15",
    "birch_100k": "Birch-like, 100,000 × 2, k = 15",
}
# In the order of the legend: label, colour, marker, dashes ("" is a full line), width, whether the marker is hollow.
METHODS = {
    "tactful": ("tactful; quartiles shaded", "ours", "circle", "", 3.2, False),
    "prototype": ("prototype", "ink", "square", "", 1.8, False),
    "prototype-gdp": ("prototype, exact accounting", "ink", "square", "5 3", 1.4, True),
    "pe-means": ("PE-means", "c1", "diamond", "", 1.2, False),
    "pe-means+centred": ("PE-means, centred", "c1", "diamond", "5 3", 1.2, True),
    "fastlloyd": ("FastLloyd", "c2", "up", "", 1.2, False),
    "fastlloyd+centred": ("FastLloyd, centred", "c2", "up", "5 3", 1.2, True),
    "google-lsh": ("Google LSH", "c3", "down", "", 1.2, False),
    "google-lsh+centred": ("Google LSH, centred", "c3", "down", "5 3", 1.2, True),
    "dplloyd-su": ("DPLloyd (Su)", "c4", "circle", "", 1.2, True),
    "diffprivlib": ("diffprivlib", "c5", "square", "", 1.2, False),
    "dpm": ("DPM", "c6", "plus", "", 1.2, False),
    "emmc": ("EMMC", "c7", "cross", "", 1.2, False),
    "hst": ("HST", "c8", "diamond", "", 1.2, False),
    "one-mean": ("one mean for all rows", "faint", None, "2 3", 1.2, False),
}
# (light, dark): Okabe and Ito's colours, the dark ones lifted where they would sink into the ground.
COLOURS = {
    "ground": ("#ffffff", "#14171c"),
    "ink": ("#1c1f24", "#eceef1"),
    "soft": ("#59606b", "#a5adb8"),
    "grid": ("#e4e7eb", "#2d333b"),
    "ours": ("#d55e00", "#ff7a1a"),
    "c1": ("#b75a8d", "#e08fbb"),
    "c2": ("#0072b2", "#4ba3dd"),
    "c3": ("#00875f", "#1fb98c"),
    "c4": ("#3fa2da", "#7cc8f2"),
    "c5": ("#c98a00", "#e6b13d"),
    "c6": ("#7a6a4f", "#b5a383"),
    "c7": ("#7458a8", "#a68fd6"),
    "c8": ("#7f868f", "#8d95a0"),
    "faint": ("#7f868f", "#8d95a0"),
}
MARKERS = {
    "circle": "m-{r} 0a{r} {r} 0 1 0 {w} 0a{r} {r} 0 1 0 -{w} 0z",
    "square": "m-{r} -{r}h{w}v{w}h-{w}z",
    "diamond": "m0 -{b}l{b} {b}l-{b} {b}l-{b} -{b}z",
    "up": "m0 -{b}l{b} {s}h-{ww}z",
    "down": "m0 {b}l{b} -{s}h-{ww}z",
    "plus": "m-{b} 0h{ww}m-{b} -{b}v{ww}",
    "cross": "m-{r} -{r}l{w} {w}m-{w} 0l{w} -{w}",
}
EPSILONS = (0.1, 0.5, 1, 2)
COSTS = (1.001, 1.01, 1.1, 2, 11, 101)
LEAST, MOST = 5e-4, 100.0  # Of cost - 1; below, a point stands on the lower edge.

ACROSS, WIDE, HIGH = 3, 240, 200  # Panels in a row, and the size of one.
LEFT, TOP, GAP_X, GAP_Y = 68, 40, 64, 76
LEGEND_ROW = 23


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--shared", type=pathlib.Path, default=ROOT.parent / "shared", help="the folder with bench/ in it [default: ../shared]"
    )
    parser.add_argument("--results", type=pathlib.Path, default=HERE / "results.tsv", help="[default: benches/quality/results.tsv]")
    parser.add_argument(
        "--out", type=pathlib.Path, default=ROOT / "docs/quality/cost.svg", help="[default: docs/quality/cost.svg]"
    )
    return parser.parse_args()


def table(path, hint):
    try:
        with path.open(newline="") as file:
            return list(csv.DictReader(file, delimiter="\t"))
    except OSError as error:
        sys.exit(f"plot.py: {path}: {error.strerror}; {hint}")


def x_of(epsilon):
    most, least = math.log(2.3), math.log(0.087)
    return round((math.log(epsilon) - least) / (most - least) * WIDE, 1)


def y_of(cost):
    excess = min(max(cost - 1, LEAST), MOST)
    return round(HIGH * (1 - math.log(excess / LEAST) / math.log(MOST / LEAST)), 1)


def marker(shape, radius):
    r = radius
    path = MARKERS[shape].format(r=r, w=2 * r, b=round(1.25 * r, 2), ww=round(2.5 * r, 2), s=round(2.1 * r, 2))
    return path.replace("--", "")


def line_style(method):
    _, colour, _, dashes, width, _ = METHODS[method]
    dash = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'class="s-{colour}" stroke-width="{width}"{dash}'


def curve(method, points):
    """A line through the points, and a marker on each, in a panel's coordinates."""
    _, colour, shape, _, _, hollow = METHODS[method]
    out = []
    if len(points) > 1:
        out.append(f'<path {line_style(method)} d="M{" ".join(f"{x} {y}" for x, y in points)}"/>')
    if shape:
        radius = 3.6 if method == "tactful" else 2.6
        marks = "".join(f"M{x} {y}{marker(shape, radius)}" for x, y in points)
        look = f"hollow s-{colour}" if hollow or shape in ("plus", "cross") else f"f-{colour}"
        out.append(f'<path class="{look}" d="{marks}"/>')
    return out


def panel(name, rows, ground):
    """One set: `rows` of all methods, in the legend's order turned around, so that ours lies on top."""
    x, y = ground
    out = [f'<g transform="translate({x} {y})">', f'<text class="title" y="-10">{SETS[name]}</text>']
    for cost in COSTS:
        out.append(f'<path class="grid" d="M0 {y_of(cost)}h{WIDE}"/><text class="tick" x="-7" y="{y_of(cost) + 4}" text-anchor="end">{cost}</text>')
    for epsilon in EPSILONS:
        out.append(
            f'<path class="grid" d="M{x_of(epsilon)} 0v{HIGH}"/>'
            f'<text class="tick" x="{x_of(epsilon)}" y="{HIGH + 17}" text-anchor="middle">{epsilon}</text>'
        )
    out.append(f'<path class="axis" d="M0 0v{HIGH}h{WIDE}"/>')
    out.append(f'<text class="label" x="{WIDE / 2}" y="{HIGH + 35}" text-anchor="middle">ε (log)</text>')
    for method in reversed(METHODS):
        own = sorted((row for row in rows if row["method"] == method), key=lambda row: float(row["epsilon"]))
        at = [x_of(float(row["epsilon"])) for row in own]
        if method == "tactful":
            upper = [(x, y_of(float(row["q75"]))) for x, row in zip(at, own)]
            lower = [(x, y_of(float(row["q25"]))) for x, row in zip(at, own)]
            out.append(f'<path class="band" d="M{" ".join(f"{x} {y}" for x, y in upper + lower[::-1])}z"/>')
        if own:
            out += curve(method, [(x, y_of(float(row["median"]))) for x, row in zip(at, own)])
    return [*out, "</g>"]


def legend(ground):
    """Two columns, read downwards."""
    x, y = ground
    out = [f'<g transform="translate({x} {y})">', '<text class="title" y="-10">Methods, in the same order everywhere</text>']
    half = (len(METHODS) + 1) // 2
    for at, method in enumerate(METHODS):
        left, middle = (0, WIDE + GAP_X)[at >= half], 12 + at % half * LEGEND_ROW
        if method == "tactful":
            out.append(f'<path class="band" d="M{left} {middle - 6}h36v12h-36z"/>')
        points = [(left, middle), (left + 36, middle)]
        out.append(f'<path {line_style(method)} d="M{points[0][0]} {middle}h36"/>')
        out += curve(method, [(left + 18, middle)])
        out.append(f'<text class="label" x="{left + 46}" y="{middle + 4}">{METHODS[method][0]}</text>')
    notes = ["“Centred”: the peer is given a private mean and radius first.", "Points on the lower edge: 1.0005 or less."]
    for at, note in enumerate(notes):
        out.append(f'<text class="tick" y="{24 + half * LEGEND_ROW + at * 17}">{note}</text>')
    return [*out, "</g>"]


def style():
    def variables(which):
        return ";".join(f"--{name}:{pair[which]}" for name, pair in COLOURS.items())

    lines = [
        f":root{{{variables(0)}}}",
        f"@media (prefers-color-scheme:dark){{:root{{{variables(1)}}}}}",
        "text{font-family:system-ui,sans-serif}path{fill:none}",
        ".back{fill:var(--ground)}.title{font-size:14px;font-weight:600;fill:var(--ink)}",
        ".label{font-size:13px;fill:var(--ink)}.tick{font-size:12px;fill:var(--soft)}",
        ".grid{stroke:var(--grid)}.axis{stroke:var(--soft)}.band{fill:var(--ours);opacity:.28}.hollow{fill:var(--ground);stroke-width:1.3}",
    ]
    for name in sorted({entry[1] for entry in METHODS.values()}):
        lines.append(f".s-{name}{{stroke:var(--{name});stroke-linejoin:round}}.f-{name}{{fill:var(--{name})}}")
    return "\n".join(lines)


def main():
    args = arguments()
    rows = table(args.results, "make it with benches/quality/measure.py")
    targets = table(args.shared / "bench/targets.tsv", "is --shared the folder with bench/ in it?")
    unknown = {row["method"] for row in rows + targets} - METHODS.keys()
    if unknown:
        sys.exit(f"plot.py: no style for {', '.join(sorted(unknown))}: add one to METHODS")
    names = [
        name
        for name in SETS
        if sum(row["dataset"] == name for row in rows) > 2 and any(row["dataset"] == name for row in targets)
    ]
    if not names:
        sys.exit(f"plot.py: no set of {args.results} has three epsilons and peers")
    # The legend takes two places of a row.
    cells = len(names) + (len(names) % ACROSS == ACROSS - 1)
    down = math.ceil((cells + 2) / ACROSS)
    width, height = LEFT + ACROSS * WIDE + (ACROSS - 1) * GAP_X + 24, TOP + down * (HIGH + GAP_Y) - 24

    def place(cell):
        return LEFT + cell % ACROSS * (WIDE + GAP_X), TOP + cell // ACROSS * (HIGH + GAP_Y)

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">',
        "<title>Normalised k-means cost against epsilon</title>",
        f"<style>{style()}</style>",
        f'<path class="back" d="M0 0h{width}v{height}h-{width}z"/>',
    ]
    for cell, name in enumerate(names):
        x, y = place(cell)
        out += panel(name, [row for row in rows + targets if row["dataset"] == name], (x, y))
        if cell % ACROSS == 0:
            out.append(
                f'<text class="label" text-anchor="middle" transform="translate({x - 52} {y + HIGH // 2}) rotate(-90)">'
                "normalised cost (log of cost − 1)</text>"
            )
    out += legend(place(cells))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text("\n".join([*out, "</svg>", ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
