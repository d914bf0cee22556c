#!/usr/bin/env python3
"""Kafka clients beside each other: what a record costs in CPU time, and how long it takes.

A client runs on the first CPU, a broker that does next to nothing on the last; at a fixed rate both have all of them.
A run is a warm-up and a window. Rounds go through all cells, and in a cell through all clients. Each run stands
between two calibrations, a loop in the cache and a copy of memory; it is dropped if one of them is 15 % or 50 % slower
than the best of all. Prints tables and verdicts in Markdown, and fails if something that must be reached is not.
"""
import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
CPUS = sorted(os.sched_getaffinity(0))
BUDGET_MIB = 32  # buffer.memory of kurier, by default
CONSUMER_MIB = 16  # buffer_bytes_max of its consumer, by default
ECHO = "echo"  # a record there and back between threads, without clients and a broker: the floor of latency
ALONE = "kurier-alone"  # the same measurements in a program that has the client and nothing else


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("built", type=Path, help="the folder that `build` filled")
    parser.add_argument("kurier", type=Path, help="the program kurier, a release build")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cells", default="", help="only cells with one of these words in their names, by commas")
    parser.add_argument("--clients", default="", help="only these clients, by commas")
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies how many records a run has")
    parser.add_argument("--validate", action="store_true", help="the broker checks checksums and sequences; no figures")
    return parser.parse_args()


# What is measured. `only`: the clients of a cell, if not all; `settings`: by client.


def produce(size, codec, count, suffix="", **more):
    settings = [f"compression.type={codec}", "linger.ms=5", "acks=-1", "enable.idempotence=true"]
    name = f"produce {size} B, {codec}{suffix}"
    return dict(name=name, mode="produce", size=size, codec=codec, count=count, set=settings, **more)


def spread(partitions, keys=0, only=("kurier", ALONE, "librdkafka")):
    """Over partitions: the producer's own choice, or another one with nearly every record."""
    how = "another with each record" if keys else "sticky"
    random = ["partitioner=random", "sticky.partitioning.linger.ms=0"] if keys else []
    more = dict(partitions=partitions, keys=keys, only=only, settings={"librdkafka": random})
    # With one record a batch, each costs twenty times as much.
    count = 500_000 if keys > 10_000 else 4_000_000
    return produce(100, "none", count, f", {partitions} partitions, {how}", **more)


def consume(size, codec, count, suffix="", **more):
    name = f"consume {size} B, {codec}{suffix}"
    return dict(name=name, mode="consume", size=size, codec=codec, count=count, set=[], **more)


def e2e(rate):
    settings = ["linger.ms=0", "acks=-1", "enable.idempotence=true"]
    return dict(name=f"e2e {rate}/s", mode="e2e", size=100, rate=rate, set=settings, only=("kurier", "librdkafka", ECHO))


OURS = ("kurier", ALONE)
# As many records as the fastest client sends in a third of a second.
CELLS = [
    produce(100, "none", 4_000_000),
    produce(100, "lz4", 1_800_000),
    produce(1024, "none", 800_000),
    produce(1024, "lz4", 300_000),
    spread(6),
    spread(6, keys=1000),
    spread(300),
    spread(300, keys=1000),
    spread(10_000, only=OURS),
    spread(10_000, keys=100_000, only=OURS),
    consume(100, "none", 8_000_000),
    consume(100, "none", 8_000_000, ", owned", owned=True, only=OURS),
    consume(100, "none", 8_000_000, ", 300 partitions", partitions=300, only=OURS),
    consume(100, "lz4", 5_000_000),
    consume(1024, "none", 1_000_000),
    consume(1024, "lz4", 700_000),
    e2e(10_000),
]


class Bench:
    def __init__(self, options):
        self.options = options
        self.clients = {name: found for name, found in self.commands().items() if found}
        self.rows, self.complaints = [], []
        self.serial = 0
        for size in (100, 1024):
            subprocess.run([self.tool, "values", str(size), str(2_000_000 // size), self.values(size)], check=True)

    @property
    def tool(self):
        return self.options.built / "null-broker"

    def values(self, size):
        return self.options.built / f"values-{size}"

    def commands(self):
        """Who takes part: all that were built."""
        built = self.options.built
        java = ["java", "-Xmx1g", "-XX:+UseSerialGC", "-cp", f"{built}/java:{built}/java/*", "Bench"]
        found = {
            "kurier": [self.options.kurier.resolve(), "bench"],
            ALONE: [built / ALONE],
            ECHO: [self.tool, "echo"],
            "librdkafka": [built / "librdkafka"],
            "franz-go": [built / "franz-go"] if (built / "franz-go").exists() else None,
            "java": java if (built / "java/Bench.class").exists() else None,
        }
        chosen = self.options.clients.split(",") if self.options.clients else found
        return {name: command for name, command in found.items() if name in chosen}

    def run_all(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        flags = ["--validate"] if self.options.validate else []
        command = [self.tool, "serve", str(self.port), *flags]
        broker = subprocess.Popen(self.pinned(command, CPUS[-1]), stderr=subprocess.PIPE, text=True)
        try:
            self.wait_for_broker()
            for number in range(self.options.rounds):
                for cell in self.cells():
                    # At a fixed rate there are two for whoever is measured.
                    cpus = CPUS if cell["mode"] == "e2e" else CPUS[-1:]
                    os.sched_setaffinity(broker.pid, cpus)
                    self.run_cell(number, cell)
        finally:
            broker.terminate()
            self.complaints = broker.communicate()[1].splitlines()

    def cells(self):
        words = self.options.cells.split(",")
        return [cell for cell in CELLS if any(word in cell["name"] for word in words)]

    def run_cell(self, number, cell):
        for name, command in self.clients.items():
            if name not in cell.get("only", [name for name in self.clients if name != ECHO]):
                continue
            before, busy = self.calibrate(), others()
            row = self.run(name, command, cell)
            row.update(peer=name, cell=cell["name"], busy=busy, calibrations=[before, self.calibrate()])
            self.rows.append(row)
            print(number, json.dumps(row), file=sys.stderr, flush=True)

    def run(self, name, command, cell):
        self.serial += 1
        command = [str(word) for word in command] + self.words(name, cell)
        if cell["mode"] != "e2e":
            command = self.pinned(command, CPUS[0])
        try:
            ended = subprocess.run(command, capture_output=True, text=True, timeout=180)
        except subprocess.TimeoutExpired:
            return dict(failed="it does not end")
        lines = [line for line in ended.stdout.splitlines() if line.startswith("{")]
        if ended.returncode != 0 or not lines:
            return dict(failed=ended.stderr.strip()[-300:] or f"status {ended.returncode}")
        row = json.loads(lines[-1])
        lost = row["mode"] == "e2e" and row["received"] < row["sent"]
        return dict(row, failed=f"{row['sent'] - row['received']} records did not come") if lost else row

    def words(self, name, cell):
        """What every client is told in the same words."""
        if name == ECHO:
            return [str(cell["rate"]), "5"]
        words = [cell["mode"], "--bootstrap", f"127.0.0.1:{self.port}", "--size", cell["size"], "--tag", "bench"]
        if cell["mode"] == "e2e":
            words += ["--topic", f"log-{self.serial}", "--rate", cell["rate"], "--secs", 5]
        else:
            count = int(cell["count"] * self.options.scale)
            # The just-in-time compiler of Java takes its time.
            warmup = max(count // 4, 1000) * (24 if name == "java" else 1)
            words += ["--warmup", warmup, "--count", count]
        if cell["mode"] == "consume":
            partitions = cell.get("partitions")
            spread = ["--partitions", partitions] if partitions else []
            words += ["--topic", f"src-{cell['size']}-{cell['codec']}" + f"-p{partitions}" * bool(partitions)]
            words += spread + ["--owned"] * cell.get("owned", False)
        if cell["mode"] == "produce":
            partitions, keys = cell.get("partitions"), cell.get("keys")
            words += ["--payload", self.values(cell["size"])]
            spread = ["--topic", f"sink-p{partitions}", "--partitions", partitions]
            words += spread if partitions else ["--topic", "sink"]
            words += ["--keys", keys] if keys and name in OURS else []
        settings = cell["set"] + cell.get("settings", {}).get(name, [])
        return [str(word) for word in words + [word for setting in settings for word in ("-X", setting)]]

    def calibrate(self):
        return [float(figure) for figure in self.ask("calibrate").split()]

    def floor(self):
        return json.loads(self.ask("floor"))

    def ask(self, word):
        command = self.pinned([self.tool, word], CPUS[0])
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout

    def wait_for_broker(self):
        for _ in range(200):
            try:
                return socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.05)
        sys.exit("the broker does not listen")

    @staticmethod
    def pinned(command, cpu):
        return ["taskset", "-c", str(cpu), *map(str, command)]


def others():
    """The part of the CPUs that others take, while nothing of ours runs."""

    def times():
        with open("/proc/stat") as file:
            user, nice, system, idle, waiting, *rest = map(int, file.readline().split()[1:])
        return idle + waiting, user + nice + system + idle + waiting + sum(rest[:3])

    (idle, all_of_it), _, (idle_then, all_then) = times(), time.sleep(0.3), times()
    return round(1 - (idle_then - idle) / max(all_then - all_of_it, 1), 2)


class Results:
    """What was found, without the runs that other work has disturbed."""

    def __init__(self, rows):
        self.rows = rows
        self.best = [min(figures[at] for row in rows for figures in row["calibrations"]) for at in (0, 1)]

    def is_quiet(self, row):
        if row.get("mode") == "e2e":  # who waits for a CPU is late, however fast it is
            return row["busy"] <= 0.1
        most = [max(figures[at] for figures in row["calibrations"]) for at in (0, 1)]
        return most[0] <= 1.15 * self.best[0] and most[1] <= 1.5 * self.best[1]

    def of(self, cell, peer):
        """The runs that count, and whether they are quiet ones."""
        ran = [row for row in self.rows if "failed" not in row and (row["cell"], row["peer"]) == (cell, peer)]
        quiet = [row for row in ran if self.is_quiet(row)]
        return (quiet, True) if quiet else (ran, False)

    def median(self, cell, peer, figure):
        ran, _ = self.of(cell, peer)
        return statistics.median(row[figure] for row in ran) if ran else None

    def failures(self):
        return [f"{row['cell']}: {row['peer']}: {row['failed']}" for row in self.rows if "failed" in row]

    def tables(self):
        peers = list(dict.fromkeys(row["peer"] for row in self.rows))
        for mode in ("produce", "consume"):
            title = f"**CPU ns a record, {mode}**, median (min..max) · M records/s · peak MiB"
            self.table(title, mode, peers, self.cost)
        self.table("**End to end, us**: p50 / p90 / p99 / p99.9", "e2e", peers, self.latency)

    def table(self, title, mode, peers, show):
        cells = list(dict.fromkeys(row["cell"] for row in self.rows if row["cell"].startswith(mode)))
        peers = [peer for peer in peers if any(self.of(cell, peer)[0] for cell in cells)]
        if not peers:
            return
        print(f"\n{title}\n\n| cell | {' | '.join(self.version(peer) for peer in peers)} |")
        print(f"| --- |{' ---: |' * len(peers)}")
        for cell in cells:
            print(f"| {cell} | {' | '.join(show(*self.of(cell, peer)) for peer in peers)} |")

    def version(self, peer):
        if peer == ECHO:
            return "*an echo, no clients and no broker*"
        name = next(row["client"] for row in self.rows if row["peer"] == peer and "client" in row)
        return f"**{name}**" if peer == "kurier" else f"{name}, alone" if peer == ALONE else name

    @staticmethod
    def cost(ran, quiet):
        if not ran:
            return "-"
        costs = [row["cpu_ns_rec"] for row in ran]
        speed, peak = (statistics.median(row[figure] for row in ran) for figure in ("rec_s", "rss_mb"))
        spread = f"{statistics.median(costs):.0f} ({min(costs):.0f}..{max(costs):.0f})"
        return f"{spread} · {speed / 1e6:.2f} · {peak:.0f}" + ("" if quiet else " noisy")

    @staticmethod
    def latency(ran, quiet):
        figures = ("p50_us", "p90_us", "p99_us", "p999_us")
        medians = [statistics.median(row[figure] for row in ran) for figure in figures] if ran else []
        return " / ".join(f"{median:.0f}" for median in medians) + ("" if quiet or not ran else " noisy") or "-"


class Verdicts:
    """What must be reached: in ns where the machine was quiet, beside others always."""

    def __init__(self, results, floor):
        self.results, self.floor, self.missed = results, floor, 0

    def print(self):
        print("\n**What must be reached**\n\n| what | found | at most | |\n| --- | ---: | ---: | --- |")
        self.costs()
        self.partitions()
        self.memory()
        self.latency()

    def costs(self):
        self.consumed()
        for size, codec, most in ((100, "none", 200), (100, "lz4", 400), (1024, "none", 650), (1024, "lz4", 1600)):
            cell = f"produce {size} B, {codec}"
            cost = self.results.median(cell, "kurier", "cpu_ns_rec")
            if cost is None:
                continue
            least = self.floor[f"{size}-{codec}"]
            if codec != "none" and cost > most:
                self.say(f"{cell}: times the floor, {least:.0f} ns", cost / least, 1.25, absolute=cell)
            else:
                self.say(f"{cell}: ns", cost, most, absolute=cell)
        self.ratio("produce 100 B, none", "librdkafka", "produce 100 B, none", 0.3)

    def consumed(self):
        cells = [("100 B, none", 70), ("100 B, none, owned", 100), ("100 B, lz4", 180)]
        for name, most in cells + [("1024 B, none", 450), ("1024 B, lz4", 850)]:
            cell = f"consume {name}"
            cost = self.results.median(cell, "kurier", "cpu_ns_rec")
            if cost is not None:
                self.say(f"{cell}: ns", cost, most, absolute=cell)
        self.ratio("consume 100 B, none", "librdkafka", "consume 100 B, none", 0.2)

    def partitions(self):
        for how, most in (("sticky", 1.3), ("another with each record", 1.8)):
            names = [f"produce 100 B, none, {count} partitions, {how}" for count in (300, 6)]
            self.ratio(names[0], "kurier", names[1], most)
        name = "produce 100 B, none, 300 partitions, another with each record"
        self.ratio(name, "librdkafka", name, 0.3)

    def memory(self):
        for mode, most in (("produce", BUDGET_MIB + 12), ("consume", CONSUMER_MIB + 8)):
            rows = [row for row in self.results.rows if row["peer"] == ALONE and row.get("mode") == mode]
            # What 10,000 partitions take beside the budget is told, and not bounded.
            rows = [row for row in rows if "10000" not in row["cell"]]
            if rows:
                peak = max(rows, key=lambda row: row["rss_mb"])
                self.say(f"MiB of memory, a program with the client alone ({peak['cell']})", peak["rss_mb"], most)

    def latency(self):
        cell = "e2e 10000/s"
        for figure in ("p50", "p99"):
            ours, theirs = (self.results.median(cell, peer, f"{figure}_us") for peer in ("kurier", "librdkafka"))
            if ours is not None and theirs is not None:
                self.say(f"{cell}: {figure}, times librdkafka's", ours / theirs, 1)
                if figure == "p50":
                    self.say(f"{cell}: p50, us", ours, 200, absolute=cell)

    def ratio(self, cell, peer, of, most):
        ours = self.results.median(cell, "kurier", "cpu_ns_rec")
        theirs = self.results.median(of, peer, "cpu_ns_rec")
        if ours is not None and theirs is not None:
            words = f"times {peer}'s" if peer != "kurier" else f"times that of {of}"
            self.say(f"{cell}: {words}", ours / theirs, most)

    def say(self, what, found, most, absolute=None):
        """`absolute`: the cell of a figure that only a quiet machine can judge."""
        holds = found <= most
        quiet = absolute is None or self.results.of(absolute, "kurier")[1]
        self.missed += not holds and quiet
        word = "yes" if holds else "**no**" if quiet else "noisy: not judged"
        print(f"| {what} | {found:.2f} | {most} | {word} |")


def main():
    options = arguments()
    bench = Bench(options)
    bench.run_all()
    results = Results(bench.rows)
    faults = results.failures() + bench.complaints
    if any("client" in row for row in bench.rows) and not options.validate:
        results.tables()
        verdicts = Verdicts(results, bench.floor())
        verdicts.print()
        faults += [f"{verdicts.missed} bounds are missed"] if verdicts.missed else []
    for fault in faults:
        print(f"\n**no**: {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
