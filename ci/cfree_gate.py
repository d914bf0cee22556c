#!/usr/bin/env python3
"""Fails when a build of this workspace could run a C tool or link a native library.

    usage: cfree_gate.py [folder] [cargo tree arguments, such as --features kurier-protocol/zstd-c]

It walks `cargo tree -e normal,build` for each target below and objects to two things: a crate that drives a C tool,
and a crate with a `links` key. `cargo metadata` and Cargo.lock alone would not do: they list weak optional
dependencies that nothing builds (rustls-webpki -> ring -> cc is one). Development dependencies are not looked at.

Exit status: 0 C-free, 1 an objection, 2 the gate could not look (cargo failed, or it saw too little).
"""

import json
import subprocess
import sys

TARGETS = (
    "x86_64-unknown-linux-gnu",
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-gnu",
    "aarch64-unknown-linux-musl",
    "aarch64-apple-darwin",
    "x86_64-pc-windows-msvc",
)

# Crates whose only work is to run a C compiler, an assembler or a native build system, or to look for native libraries.
TOOL_CRATES = {
    "autotools", "bindgen", "cc", "clang-sys", "cmake", "cxx-build", "gcc", "meson", "nasm-rs", "pkg-config",
    "system-deps", "vcpkg", "zig-cc",
}

# `links` keys that only make a crate unique in the graph; no native library is behind them.
HARMLESS_LINKS = ("rayon-core", "prettyplease", "wasm_bindgen")

# Packages that every build of ours holds. A gate that does not see them has gone blind.
ALWAYS_THERE = {"kurier", "kurier-client", "kurier-protocol", "bytes", "tokio"}


class Blind(Exception):
    """The gate saw too little to judge."""


def cargo(folder, *args):
    return subprocess.check_output(["cargo", *args], cwd=folder, text=True)


def resolved(folder, target, extra):
    """The (name, version) pairs that a build for this target compiles."""
    tree = cargo(folder, "tree", "--workspace", "-e", "normal,build", "--prefix", "none", "--no-dedupe",
                 "--target", target, *extra)
    found = {tuple(line.split()[:2]) for line in tree.splitlines() if line.strip()}
    missing = ALWAYS_THERE - {name for name, _ in found}
    if missing:
        raise Blind(f"{len(found)} packages for {target}, without {', '.join(sorted(missing))}")
    return found


def objections(folder, extra):
    metadata = cargo(folder, "metadata", "--format-version", "1", "--all-features")
    links = {(p["name"], "v" + p["version"]): p["links"] for p in json.loads(metadata)["packages"]}
    found = set().union(*(resolved(folder, target, extra) for target in TARGETS))
    for name, version in sorted(found):
        if (name, version) not in links:
            raise Blind(f"{name} {version} is in the tree but not in the metadata")
        if name in TOOL_CRATES:
            yield f"tool crate {name} {version}"
        native = links[name, version]
        if native and not native.startswith(HARMLESS_LINKS):
            yield f"links = {native!r} in {name} {version}"
    print(f"{len(found)} packages looked at for {len(TARGETS)} targets")


def main():
    folder, extra = (sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else (".", [])
    try:
        bad = list(objections(folder, extra))
    except (Blind, subprocess.CalledProcessError, ValueError) as why:
        print("the gate could not look:", why)
        return 2
    for line in bad:
        print("not C-free:", line)
    if not bad:
        print("C-free: ok")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
