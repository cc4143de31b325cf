"""Whole private fits of diffprivlib and plain ones of scikit-learn on the array that `benches/cluster.rs` describes, in turns.

Prints the median seconds of each, and with --ours CMD the median of the ratios round by round. CMD is a program that is given
the array's path and the number of clusters, and prints the seconds of one fit as its last word. Both threads pools are held to
--threads.
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
ARGS.add_argument("--ours", help="program to take its turn")
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
        turns = {
            "scikit-learn": lambda: seconds(lambda: KMeans(args.clusters, n_init=1).fit(data)),
            "diffprivlib": lambda: seconds(lambda: Private(args.clusters, epsilon=1.0, bounds=bounds).fit(data)),
        }
        if args.ours:
            command = [*args.ours.split(), path, str(args.clusters)]
            turns["ours"] = lambda: float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])
        taken = {name: [] for name in turns}
        for _ in range(args.repeats):
            for name, turn in turns.items():
                taken[name].append(turn())
    print(f"{args.units} x {args.features}, k = {args.clusters}, {args.threads} threads, load {os.getloadavg()[0]:.1f}")
    for name, each in taken.items():
        print(f"{name:14} median {statistics.median(each):.3f} s (least {min(each):.3f})")
        if args.ours and name != "ours":
            ratios = [ours / theirs for ours, theirs in zip(taken["ours"], each)]
            print(f"{'':14} ours / {name}: {statistics.median(ratios):.3f}")


main()
