"""Records as lines: partition, key, value, and NAME=VALUE headers, tab between; all but the partition in hex, null "-".

The same lines as those of ci/java/Write.java, where the partition is missing, and ci/java/Read.java.
"""


def parse(line):
    key, value, *headers = line.rstrip("\n").split("\t")
    pairs = [header.split("=") for header in headers]
    return _bytes(key), _bytes(value), [(_bytes(name).decode(), _bytes(of)) for name, of in pairs]


def show(partition, key, value, headers):
    fields = [str(partition), _hex(key), _hex(value)]
    fields += [f"{_hex(name.encode())}={_hex(of)}" for name, of in headers or []]
    print("\t".join(fields))


def _bytes(text):
    return None if text == "-" else bytes.fromhex(text)


def _hex(raw):
    return "-" if raw is None else raw.hex()
