#!/usr/bin/env python3
"""The bare group-by that a whole run of Tactful is measured against.

    group_by.py [--data DIR] [--groups TOML] [--repeats N] [--tactful BIN --spec SPEC]

Each peer does, in a cold process, only what no segmentation can avoid: read Complete Journey's transactions,
join the product's category group, and aggregate per household: lines, distinct baskets, last four-week period,
spend, discount, spend in each group, incidence of each group. No contract, no consent, no privacy, no output file.
With `--tactful` the whole job (`tactful run`, fresh ledger and output directory) goes into the same loop.

The programs take turns, in an order that rotates; the medians of wall time, CPU time and peak resident memory
of the child process (as the operating system counts them) are printed, and the ratios.
DIR is the folder that holds `complete_journey/`; else TACTFUL_DATA; else ../shared/data beside the repository.
"""
import argparse, fnmatch, json, os, platform, shutil, statistics, subprocess, sys, tempfile, time, tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
THREADS = "2"
PERIOD_DAYS = 28
WINDOW_END = "2018-01-02"
DISCOUNTS = ["retail_disc", "coupon_disc", "coupon_match_disc"]


def taxonomy_of(path):
    with open(path, "rb") as file:
        return tomllib.load(file)["taxonomy"]


def category_map(categories, taxonomy):
    """Category -> index of its group. Case and outer blanks are ignored; what is sensitive or excluded is in no
    group; an earlier group wins over a later one."""
    fits = lambda name, patterns: any(fnmatch.fnmatchcase(name, pattern.strip().casefold()) for pattern in patterns)
    denied = [*taxonomy.get("sensitive", []), *taxonomy.get("excluded", [])]
    found = {}
    for category in categories:
        name = category.strip().casefold()
        if not fits(name, denied):
            groups = (index for index, group in enumerate(taxonomy["groups"]) if fits(name, group["categories"]))
            found |= {category: index for index in list(groups)[:1]}
    return found


def run_polars(data, taxonomy):
    import polars as pl

    products = pl.scan_parquet(data / "products.parquet").select("product_id", "product_category").collect()
    mapped = category_map(products["product_category"].drop_nulls().unique().to_list(), taxonomy)
    mapped = pl.DataFrame({"product_category": list(mapped), "g": list(mapped.values())},
                          schema={"product_category": pl.String, "g": pl.UInt8})
    products = products.join(mapped, on="product_category").select("product_id", "g").lazy()
    spend, stamp = pl.col("sales_value"), pl.col("transaction_timestamp")
    sums = [spend.filter(pl.col("g") == index).sum().alias(f"spend_{index}") for index in range(len(taxonomy["groups"]))]
    seen = [(pl.col(f"spend_{index}") > 0).alias(f"bought_{index}") for index in range(len(taxonomy["groups"]))]
    end = pl.lit(WINDOW_END).str.to_date()
    table = (
        pl.scan_parquet(data / "transactions.parquet")
        .select("household_id", "basket_id", "product_id", "sales_value", "transaction_timestamp", *DISCOUNTS)
        .join(products, on="product_id", how="left")
        .group_by("household_id")
        .agg(pl.len().alias("lines"), pl.col("basket_id").n_unique().alias("baskets"), stamp.max().alias("last"),
             spend.sum().alias("spend"), pl.sum_horizontal(DISCOUNTS).sum().alias("discount"), *sums)
        .with_columns(((end - pl.col("last").dt.date()).dt.total_days() // PERIOD_DAYS).alias("recency"), *seen)
        .collect(engine="streaming")
    )
    columns = ["lines", "baskets", "recency", "spend", "discount", *(s.meta.output_name() for s in sums + seen)]
    total = table.select(pl.col(name).sum() for name in columns)
    return [table.height, *total.row(0)]


def run_duckdb(data, taxonomy):
    import duckdb

    connection = duckdb.connect(config={"threads": THREADS})
    found = connection.execute("select distinct product_category from read_parquet(?) where product_category is not null",
                               [str(data / "products.parquet")]).fetchall()
    mapped = category_map([row[0] for row in found], taxonomy)
    connection.execute("create temp table mapped(product_category varchar, g utinyint)")
    connection.execute("insert into mapped select unnest(?), unnest(?)", [list(mapped), list(mapped.values())])
    sums = ", ".join(f"coalesce(sum(sales_value) filter (where g = {index}), 0) as spend_{index}" for index in range(len(taxonomy["groups"])))
    seen = ", ".join(f"spend_{index} > 0 as bought_{index}" for index in range(len(taxonomy["groups"])))
    connection.execute(f"""
        create temp table result as
        select *, (date '{WINDOW_END}' - last::date) // {PERIOD_DAYS} as recency, {seen} from (
            select household_id, count(*) as lines, count(distinct basket_id) as baskets, max(transaction_timestamp) as last,
                   sum(sales_value) as spend, sum({" + ".join(DISCOUNTS)}) as discount, {sums}
            from read_parquet('{data / "transactions.parquet"}')
            left join (select product_id, g from read_parquet('{data / "products.parquet"}') join mapped using (product_category))
            using (product_id) group by household_id)""")
    columns = ["lines", "baskets", "recency", "spend", "discount"]
    columns += [f"spend_{index}" for index in range(len(taxonomy["groups"]))]
    total = ", ".join(f"sum({name})" for name in columns)
    total += ", " + ", ".join(f"sum(bought_{index}::int)" for index in range(len(taxonomy["groups"])))
    return list(connection.execute(f"select count(*), {total} from result").fetchone())


PEERS = {"polars": run_polars, "duckdb": run_duckdb}


def child(command, environment):
    """Runs one cold process: (wall s, CPU s, peak resident MB, what it printed)."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=errors, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), errors.seek(0)
        if process.returncode:
            sys.exit(f"{' '.join(command)} ended with {process.returncode}\n{errors.read().decode()[-2000:]}")
        return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, out.read().decode()


def compare(options):
    data = Path(options.data) / "complete_journey"
    if not (data / "transactions.parquet").is_file():
        sys.exit(f"{data}: no transactions.parquet; give --data DIR or set TACTFUL_DATA")
    environment = {**os.environ, "POLARS_MAX_THREADS": THREADS, "RAYON_NUM_THREADS": THREADS}
    samples, answers = {}, {}
    names = [*PEERS, *(["tactful run"] if options.tactful else [])]
    for repeat in range(options.repeats + 1):  # the first turn only warms the file cache
        turn = repeat % len(names)
        for name in names[turn:] + names[:turn]:
            scratch = Path(tempfile.mkdtemp(prefix="peers-"))
            if name in PEERS:
                command = [sys.executable, __file__, "--data", options.data, "--groups", options.groups, "--peer", name]
            else:
                command = [options.tactful, "run", options.spec, "--data", str(data),
                           "--out", str(scratch / "out"), "--ledger", str(scratch / "ledger")]
            *sample, printed = child(command, environment)
            shutil.rmtree(scratch)
            if repeat:
                samples.setdefault(name, []).append(sample)
            if name in PEERS:
                answers[name] = json.loads(printed)
    for name, answer in answers.items():
        if any(abs(a - b) > 1e-6 * max(1, abs(a)) for a, b in zip(answer, answers["polars"], strict=True)):
            sys.exit(f"{name} and polars disagree: this is no fair race")
    report(samples, options)


def report(samples, options):
    import duckdb, polars

    load = os.getloadavg()[0]
    print(f"{platform.machine()}, {os.cpu_count()} processors, {THREADS} threads each, load {load:.1f}, "
          f"polars {polars.__version__}, duckdb {duckdb.__version__}, medians of {options.repeats} cold runs, interleaved")
    median = {name: [statistics.median(column) for column in zip(*rows)] for name, rows in samples.items()}
    print(f"{'':14}{'wall s':>9}{'(min)':>9}{'CPU s':>9}{'peak MB':>9}")
    for name, (wall, cpu, peak) in median.items():
        print(f"{name:14}{wall:9.2f}{min(row[0] for row in samples[name]):9.2f}{cpu:9.2f}{peak:9.0f}")
    if "tactful run" in median:
        wall, cpu, peak = median["tactful run"]
        fastest = min(PEERS, key=lambda name: median[name][0])
        print(f"time: {wall / median[fastest][0]:.2f} x {fastest} (aim: 3 at most), CPU {cpu / median[fastest][1]:.2f} x; "
              f"memory: {peak / median['polars'][2]:.2f} x polars (aim: 1.5 at most)")


def main():
    default = os.environ.get("TACTFUL_DATA", str(REPOSITORY.parent / "shared" / "data"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=default)
    parser.add_argument("--groups", default=str(HERE / "groups.toml"), help="a TOML file with [taxonomy] as in a spec")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--tactful", metavar="BIN")
    parser.add_argument("--spec", default=str(REPOSITORY / "models" / "grocery" / "spec.toml"))
    parser.add_argument("--peer", choices=PEERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        print(json.dumps([float(x) for x in PEERS[options.peer](Path(options.data) / "complete_journey", taxonomy_of(options.groups))]))
    else:
        compare(options)


if __name__ == "__main__":
    main()
