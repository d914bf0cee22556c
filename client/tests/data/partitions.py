"""Prints where librdkafka puts keys; README.md says how to run it.

Lines of stdin begin with a key in hex; a line of stdout is the key, a count of partitions, and the partitions of
`consistent`, `murmur2` and `fnv1a`. The key `null` stands for none.
"""

import ctypes
import sys

LIBRDKAFKA = ctypes.CDLL("librdkafka.so.1")
COUNTS = [1, 3, 7, 12, 50, 1000]
NAMES = ["consistent", "murmur2", "fnv1a"]


def partition(name, key, count):
    place = getattr(LIBRDKAFKA, "rd_kafka_msg_partitioner_" + name)
    place.restype = ctypes.c_int32
    return place(None, key, ctypes.c_size_t(len(key or b"")), ctypes.c_int32(count), None, None)


for text in [line.split("\t")[0].rstrip("\n") for line in sys.stdin] + ["null"]:
    key = None if text == "null" else bytes.fromhex(text)
    for count in COUNTS:
        print(text, count, *[partition(name, key, count) for name in NAMES], sep="\t")
