#!/usr/bin/env python3
"""How good the centres of `tactful cluster` are, over data sets, epsilons and seeds, beside the research prototype and its peers.

Each run is the real binary, with noise from a seed (`--seed-simulated`), so the same binary gives the same figures again. Two things
are measured of each run, both from the rows themselves:

- the normalised cost: k-means cost of the centres over that of the best of ten non-private runs (`bench/reference.json` of --shared), as
  `bench/score.py` does it. Fewer centres than asked for may come back: they are scored as they are;
- the coverage: the part of all 95 % intervals (returned centres x columns) that hold the exact mean of the rows nearest to the centre.

Progress goes to stderr, the comparison to stdout, the figures to --out: the columns of `bench/targets.tsv`, then the bounds that were
given, the median number of centres, and the coverage over all runs. Rows of --out that are not measured now stay as they are.
"""

import argparse
import csv
import functools
import json
import multiprocessing
import os
import pathlib
import subprocess
import sys
import tempfile

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # Several runs at once are the better use of processors.

try:
    import numpy
except ModuleNotFoundError:
    sys.exit("measure.py needs NumPy: pip install -r benches/quality/requirements.txt")

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DELTA = "1e-6"
# In the order of every table and plot.
SETS = [
    "hh_real", "adult", "retail_10k_d16", "retail_20k_d64", "retail_100k_d16", "retail_100k_d32",
    "s1_5k", "s2_5k", "s1_100k", "s2_100k", "birch_100k", "s1_1m", "s2_1m", "retail_1m_d16", "retail_1m_d32",
]  # fmt: skip
EPSILONS = [0.1, 0.5, 1.0, 2.0]
# Where a third of the prototype's excess over 1 is to be gone.
AHEAD = {(name, e) for name in ("hh_real", "s1_5k", "s2_5k", "retail_10k_d16", "adult") for e in (0.1, 0.5)}
COLUMNS = ["dataset", "epsilon", "method", "runs", "failed", "median", "q25", "q75", "bounds", "centres", "coverage"]
CHUNK = 65536


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=pathlib.Path, required=True, help="what bench/make_inputs.py of --shared wrote")
    parser.add_argument(
        "--shared", type=pathlib.Path, default=ROOT.parent / "shared", help="the folder with bench/ in it [default: ../shared]"
    )
    parser.add_argument(
        "--binary", type=pathlib.Path, default=ROOT / "target/release/tactful", help="[default: target/release/tactful]"
    )
    parser.add_argument("--sets", nargs="+", metavar="SET", help="[default: all that --inputs has]")
    parser.add_argument("--epsilons", nargs="+", type=float, metavar="E", help="[default: those the prototype was measured at]")
    parser.add_argument("--runs", type=int, help="seeds of each set and epsilon [default: 100 up to 200,000 values, then fewer]")
    parser.add_argument(
        "--bounds",
        choices=["prototype", "ball", "box"],
        default="prototype",
        help="the public bound that is given: the ball of radius R, the box [-B, B], or of the two the one that the prototype "
        "works in: the box up to three columns, else the ball [default: prototype]",
    )
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "results.tsv", help="[default: benches/quality/results.tsv]")
    parser.add_argument("--jobs", type=int, default=2, help="runs at the same time [default: 2]")
    return parser.parse_args()


def read_json(path, what):
    try:
        return json.loads(path.read_text())
    except OSError as error:
        sys.exit(f"measure.py: {path}: {error.strerror}; {what}")
    except ValueError as error:
        sys.exit(f"measure.py: {path} is no JSON: {error}")


def read_table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def bounds_of(meta, which):
    """The kind of the bounds, and the arguments that state them."""
    kind = ("box" if meta["d"] <= 3 else "ball") if which == "prototype" else which
    given = ["--radius", repr(meta["R"])] if kind == "ball" else ["--lower", repr(-meta["B"]), "--upper", repr(meta["B"])]
    return kind, given


@functools.lru_cache(maxsize=1)
def rows_of(path):
    return numpy.load(path).astype(numpy.float64)


def score(rows, centres, intervals):
    """Cost; how many intervals of each column hold their mean; and how many there are a column."""
    cost, sums, counts = 0.0, numpy.zeros_like(centres), numpy.zeros(len(centres))
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        squares = (part * part).sum(1)[:, None] - 2 * part @ centres.T + (centres * centres).sum(1)
        cost += numpy.maximum(squares.min(1), 0).sum()
        nearest = squares.argmin(1)
        counts += numpy.bincount(nearest, minlength=len(centres))
        for column in range(rows.shape[1]):
            sums[:, column] += numpy.bincount(nearest, weights=part[:, column], minlength=len(centres))
    some = counts > 0  # There is no mean of nobody.
    means = sums[some] / counts[some, None]
    held = (intervals[some, :, 0] <= means) & (means <= intervals[some, :, 1])
    return cost, held.sum(0), len(held)


def run(job):
    """One run: (cost, centres, held a column, intervals a column), or what the binary said when it failed."""
    binary, path, k, given, epsilon, seed = job
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "centres.npy"
        command = [binary, "--quiet", "--format", "json", "cluster", path, "--k", str(k), *given, "--epsilon", repr(epsilon)]
        command += ["--delta", DELTA, "--seed-simulated", str(seed), "--out", out]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            return f"status {done.returncode}: {done.stderr.strip()[:300]}"
        centres = numpy.load(out).astype(numpy.float64)
        intervals = numpy.array(json.loads(done.stdout)["intervals"])
    cost, held, of = score(rows_of(path), centres, intervals)
    return cost, len(centres), held, of


def default_runs(meta):
    values = meta["n"] * meta["d"]
    return next((runs for most, runs in ((200_000, 100), (1_500_000, 40), (10_000_000, 20)) if values <= most), 3)


def measure(pool, name, epsilon, runs, meta, best, args):
    kind, given = bounds_of(meta, args.bounds)
    jobs = [(args.binary, args.inputs / f"{name}.npy", meta["k"], given, epsilon, seed) for seed in range(runs)]
    found = list(pool.imap(run, jobs))
    failed = [answer for answer in found if isinstance(answer, str)]
    if failed:
        print(f"{name} at {epsilon}: {len(failed)} of {runs} failed; the first: {failed[0]}", file=sys.stderr)
    if len(failed) == runs:
        sys.exit(f"measure.py: no run of {name} at {epsilon} succeeded")
    costs, centres, held, of = zip(*(answer for answer in found if not isinstance(answer, str)))
    covered = sum(held) / sum(of)
    quarter, median, three = numpy.quantile(numpy.array(costs) / best, [0.25, 0.5, 0.75])
    print(
        f"{name} at {epsilon}: {median:.4f}, the median of {len(costs)} runs; coverage {covered.mean():.3f}, "
        f"least in column {covered.argmin()} ({covered.min():.3f})",
        file=sys.stderr,
    )
    return {
        "dataset": name,
        "epsilon": repr(epsilon),
        "method": "tactful",
        "runs": str(len(costs)),
        "failed": str(len(failed)),
        "median": f"{median:.4f}",
        "q25": f"{quarter:.4f}",
        "q75": f"{three:.4f}",
        "bounds": kind,
        "centres": f"{numpy.median(centres):g}",
        "coverage": f"{covered.mean():.3f}",
    }


def key(row):
    name = row["dataset"]
    return SETS.index(name) if name in SETS else len(SETS), name, float(row["epsilon"])


def write(path, rows):
    kept = {(row["dataset"], row["epsilon"]): row for row in (read_table(path) if path.exists() else [])}
    kept |= {(row["dataset"], row["epsilon"]): row for row in rows}
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, delimiter="\t", lineterminator="\n")
        table.writeheader()
        table.writerows(sorted(kept.values(), key=key))


def compare(rows, targets):
    """The rows beside the prototype, the best peer and the goal, as text."""
    print(f"{'set':16} {'eps':>4} {'tactful':>8} {'prototype':>9} {'goal':>7} {'':12} {'coverage':>8}  best peer")
    missed = 0
    for row in sorted(rows, key=key):
        name, epsilon = row["dataset"], float(row["epsilon"])
        others = {t["method"]: float(t["median"]) for t in targets if t["dataset"] == name and float(t["epsilon"]) == epsilon}
        line = f"{name:16} {epsilon:4g} {float(row['median']):8.4f}"
        prototype = others.pop("prototype", None)
        # The prototype with the exact accounting is no peer, and one mean of all rows no clustering.
        peers = {method: cost for method, cost in others.items() if method not in ("prototype-gdp", "one-mean")}
        if prototype is None:
            line += f" {'-':>9} {'-':>7} {'no goal':12}"
        else:
            goal = 1 + (prototype - 1) * 2 / 3 if (name, epsilon) in AHEAD else prototype * 1.01
            above = float(row["median"]) - goal
            missed += above > 0
            line += f" {prototype:9.3f} {goal:7.4f} {'met' if above <= 0 else f'missed {above:.4f}':12}"
        line += f" {row['coverage']:>8}"
        if peers:
            best = min(peers, key=peers.get)
            line += f"  {peers[best]:.3f} {best}"
        print(line)
    print(f"{missed} of {len(rows)} goals missed")


def main():
    args = arguments()
    bench = args.shared / "bench"
    metas = read_json(args.inputs / "meta.json", "make it with bench/make_inputs.py of --shared")
    best = read_json(bench / "reference.json", "is --shared the folder with bench/ in it?")
    try:
        targets = read_table(bench / "targets.tsv")
    except OSError as error:
        sys.exit(f"measure.py: {error.filename}: {error.strerror}; is --shared the folder with bench/ in it?")
    if not (args.binary.is_file() and os.access(args.binary, os.X_OK)):
        sys.exit(f"measure.py: no program at {args.binary}: cargo build --release --bin tactful, or name it with --binary")
    args.binary = args.binary.resolve()
    names = args.sets or sorted(metas, key=lambda name: SETS.index(name) if name in SETS else len(SETS))
    for name in names:
        if name not in metas or name not in best:
            sys.exit(f"measure.py: {name} is not in {args.inputs / 'meta.json'} and {bench / 'reference.json'}")
        if not (args.inputs / f"{name}.npy").is_file():
            sys.exit(f"measure.py: no {args.inputs / name}.npy; make it with bench/make_inputs.py of --shared")
    if args.runs is not None and args.runs < 1 or args.jobs < 1:
        sys.exit("measure.py: --runs and --jobs are at least 1")

    rows = []
    with multiprocessing.Pool(args.jobs) as pool:
        for name in names:
            known = {float(t["epsilon"]) for t in targets if t["dataset"] == name and t["method"] == "prototype"}
            for epsilon in args.epsilons or sorted(known) or EPSILONS:
                runs = args.runs or default_runs(metas[name])
                row = measure(pool, name, epsilon, runs, metas[name], best[name]["opt"], args)
                rows.append(row)
                write(args.out, rows)  # Whoever stops a long measurement keeps what is done.
    compare(rows, targets)


if __name__ == "__main__":
    main()
