"""Whole private fits of diffprivlib and plain ones of scikit-learn on the array that `benches/cluster.rs` describes, in turns.

Prints the median seconds of each, and the medians of the ratios round by round. With --tactful BIN the whole process
`BIN cluster rows.npy … --seed-simulated` takes its turn: start, reading, fit, writing. With --fit BIN the example `fit_array` does:
what counts is the fit alone, with real noise, as the peers' does. All thread pools are held to --threads.
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import time
import warnings

ARGS = argparse.ArgumentParser(description=__doc__)
ARGS.add_argument("--units", type=int, default=1_000_000)
ARGS.add_argument("--features", type=int, default=32)
ARGS.add_argument("--clusters", type=int, default=8)
ARGS.add_argument("--repeats", type=int, default=5)
ARGS.add_argument("--threads", type=int, default=2)
ARGS.add_argument("--tactful", help="the release binary, for the whole process")
ARGS.add_argument("--fit", help="the example fit_array, for the fit alone")
ARGS.add_argument("--without-diffprivlib", action="store_true", help="it takes ten times as long as all others")
args = ARGS.parse_args()
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[name] = str(args.threads)

import numpy  # noqa: E402  (after the threads are set)
from diffprivlib.models import KMeans as Private  # noqa: E402
from sklearn.cluster import KMeans  # noqa: E402

warnings.filterwarnings("ignore")


def rows():
    """Normal clusters around random points of the box."""
    random = numpy.random.default_rng(7)
    centres = random.uniform(-0.5, 0.5, (args.clusters, args.features))
    noise = 0.15 * random.standard_normal((args.units, args.features))
    return (centres[random.integers(0, args.clusters, args.units)] + noise).clip(-1, 1).astype(numpy.float32)


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main():
    data = rows()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "rows.npy")
        numpy.save(path, data)
        bounds = (-1.0, 1.0)
        turns = {"scikit-learn": lambda: seconds(lambda: KMeans(args.clusters, n_init=1).fit(data))}
        if not args.without_diffprivlib:
            turns["diffprivlib"] = lambda: seconds(lambda: Private(args.clusters, epsilon=1.0, bounds=bounds).fit(data))
        if args.tactful:
            centres = os.path.join(folder, "centres.npy")
            budget = ["--epsilon", "1", "--delta", "1e-6", "--seed-simulated", "1"]
            where = [path, "--k", str(args.clusters), "--lower", "-1", "--upper", "1", "--out", centres]

            def process():
                taken = seconds(lambda: run([args.tactful, "cluster", *where, *budget]))
                os.remove(centres)
                return taken

            turns["tactful cluster"] = process
        if args.fit:
            turns["fit alone"] = lambda: float(run([args.fit, path, str(args.clusters), "1"]).split()[-1])
        taken = {name: [] for name in turns}
        for _ in range(args.repeats):
            for name, turn in turns.items():
                taken[name].append(turn())
    print(f"{args.units} x {args.features}, k = {args.clusters}, {args.threads} threads, load {os.getloadavg()[0]:.1f}")
    for name, each in taken.items():
        print(f"{name:16} median {statistics.median(each):.3f} s (least {min(each):.3f})")
    for ours in ("tactful cluster", "fit alone"):
        for peer in ("scikit-learn", "diffprivlib"):
            if ours in taken and peer in taken:
                ratios = [mine / theirs for mine, theirs in zip(taken[ours], taken[peer])]
                print(f"{ours} / {peer}: {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")


def run(command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


main()
