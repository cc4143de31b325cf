#!/usr/bin/env python3
"""From lines to features: DuckDB's and Python polars' bare group-by against Tactful's features alone.

    features.py --ours BIN [--lines N --customers M] [--repeats R] [--folder DIR]

BIN is `target/release/examples/features_alone` (cargo build --release --example features_alone). Purchases are generated
once into DIR, the same for the same N and M: baskets of eight lines in order of time, 32 categories, row groups of a
million lines. Each peer adds up, per customer: lines, distinct baskets, last day, spend, discount, and spend in each of the
categories; no contract, no bounds, no lattice. Ours makes 32 shares of spend, frequency, recency, spend and share of discount,
on the lattice. All keep their result in memory. Cold processes take turns in an order that rotates; what is printed are medians
of wall time, CPU time and peak resident memory as the operating system counts them, and medians of the ratios of a turn.
"""
import argparse, os, platform, statistics, sys, tempfile
from pathlib import Path

from group_by import child

CATEGORIES = 32
THREADS = "2"
DAYS = 168

FEATURES = """
[[features]]
kind = "spend_share"
groups = "all"
lower = 0.0
upper = 0.5
scale = "log"
""" + "".join(f"""
[[features]]
kind = "{kind}"
lower = 0.0
upper = {upper}
scale = "linear"
""" for kind, upper in [("frequency", 60.0), ("recency", 6.0), ("monetary", 1500.0), ("discount_share", 0.2)])

SPEC = """version = 1
population = "features-bench"
origin = "simulated"
unit = "customer"
currency = "EUR"

[window]
start = 2026-01-05
end = 2026-06-22

[sources.transactions]
file = "transactions.parquet"
unit = "customer_id"
date = "date"
basket = "basket_id"
category = "category"
amount = "amount"
discounts = ["discount"]

[contract]
negative_amount = "drop"
amount_max = 500.0
absurd_amount = "clip"
duplicates = "keep"
refuse_above = 0.1

[taxonomy]
sensitive = []
excluded = []
""" + "".join(f"""
[[taxonomy.groups]]
key = "c{index}"
label = "C{index}"
categories = ["{index}"]
""" for index in range(CATEGORIES)) + FEATURES + """
[segments]
number = 6
floor = 50

[privacy]
epsilon = 1.0
delta = 1e-6

[privacy.year]
epsilon = 4.0
delta = 1e-5
"""


def generate(folder, lines, customers):
    import duckdb

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spec.toml").write_text(SPEC)
    file = folder / "transactions.parquet"
    if file.is_file():
        return
    part = folder / "transactions.part"
    # Every cell is a function of the line's number: the same file on every machine, written as a stream.
    duckdb.connect(config={"threads": THREADS}).execute(f"""
        copy (select (1000000 + hash(i // 8 * 2 + 1) % {customers})::bigint as customer_id,
                     (i // 8)::bigint as basket_id,
                     date '2026-01-05' + (i * {DAYS} // {lines})::int as date,
                     (hash(i * 5 + 2) % {CATEGORIES})::tinyint as category,
                     ((20 + hash(i * 11 + 3) % 2000) / 100.0)::double as amount,
                     (case when hash(i * 7 + 5) % 10 < 2 then hash(i * 13 + 1) % 200 / 100.0 else 0 end)::double as discount
              from range({lines}) t(i))
        to '{part}' (format parquet, compression zstd, row_group_size 1000000)""")
    part.rename(file)


def run_polars(file):
    import polars as pl

    amount = pl.col("amount")
    sums = [amount.filter(pl.col("category") == index).sum().alias(f"spend_{index}") for index in range(CATEGORIES)]
    table = pl.scan_parquet(file).group_by("customer_id").agg(
        pl.len().alias("lines"), pl.col("basket_id").n_unique().alias("baskets"), pl.col("date").max().alias("last"),
        amount.sum().alias("spend"), pl.col("discount").sum().alias("discount"), *sums).collect(engine="streaming")
    print(table.height, table["lines"].sum(), table["baskets"].sum())


def run_duckdb(file):
    import duckdb

    sums = ", ".join(f"sum(amount) filter (where category = {index}) as spend_{index}" for index in range(CATEGORIES))
    connection = duckdb.connect(config={"threads": THREADS})
    connection.execute(f"""create temp table result as
        select customer_id, count(*) as lines, count(distinct basket_id) as baskets, max(date) as last,
               sum(amount) as spend, sum(discount) as discount, {sums}
        from read_parquet('{file}') group by customer_id""")
    print(*connection.execute("select count(*), sum(lines), sum(baskets) from result").fetchone())


PEERS = {"polars": run_polars, "duckdb": run_duckdb}


def compare(options):
    folder = Path(options.folder) / f"features-{options.lines}-{options.customers}"
    generate(folder, options.lines, options.customers)
    environment = {**os.environ, "POLARS_MAX_THREADS": THREADS, "RAYON_NUM_THREADS": THREADS}
    commands = {name: [sys.executable, __file__, "--peer", name, str(folder / "transactions.parquet")] for name in PEERS}
    commands["features"] = [options.ours, str(folder / "spec.toml"), str(folder), *([options.memory] if options.memory else [])]
    names, turns, answers = list(commands), [], {}
    for repeat in range(options.repeats + options.warm):
        turn = {}
        for name in names[repeat % 3:] + names[:repeat % 3]:
            *turn[name], printed = child(commands[name], environment)
            answers[name] = printed
        if repeat >= options.warm:
            turns.append(turn)
    if answers["polars"].split() != answers["duckdb"].split():
        sys.exit("polars and DuckDB disagree: this is no fair race")
    print(f"{options.lines:,} lines, {options.customers:,} customers; {platform.machine()}, {os.cpu_count()} processors, "
          f"{THREADS} threads each, load {os.getloadavg()[0]:.1f}; {options.repeats} cold turns")
    print(f"{'':10}{'wall s':>9}{'(min)':>9}{'CPU s':>9}{'peak MB':>9}")
    for name in names:
        wall, cpu, peak = (statistics.median(turn[name][at] for turn in turns) for at in range(3))
        print(f"{name:10}{wall:9.2f}{min(turn[name][0] for turn in turns):9.2f}{cpu:9.2f}{peak:9.0f}")
    for peer in PEERS:
        wall, cpu, peak = (statistics.median(turn["features"][at] / turn[peer][at] for turn in turns) for at in range(3))
        print(f"features / {peer}: wall {wall:.2f}, CPU {cpu:.2f}, memory {peak:.2f} (aim: 1.2 at most)")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", help="the program features_alone")
    parser.add_argument("--lines", type=int, default=20_000_000)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--warm", type=int, default=1, help="turns before, for the file cache")
    parser.add_argument("--memory", help="what features alone is allowed, such as 512MiB")
    parser.add_argument("--folder", default=tempfile.gettempdir())
    parser.add_argument("--peer", nargs=2, metavar=("NAME", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        PEERS[options.peer[0]](options.peer[1])
    elif not options.ours:
        parser.error("--ours BIN is needed")
    else:
        compare(options)


if __name__ == "__main__":
    main()
