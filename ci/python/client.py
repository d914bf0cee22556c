"""A client of Apache Kafka in Python, under a test.

  client.py LIBRARY write BOOTSTRAP TOPIC PARTITION CODEC   writes the records of stdin, says how many; - is any partition
  client.py LIBRARY read BOOTSTRAP TOPIC COUNT              shows so many records from the beginning of all partitions
  client.py LIBRARY group BOOTSTRAP PROTOCOL                rebalances and transactions in groups; says ok
  client.py confluent member BOOTSTRAP GROUP TOPIC NAME=VALUE..
      shows the value of each record that it reads as a member of the group with these settings, until SIGTERM

LIBRARY is confluent (librdkafka) or kafka-python; PROTOCOL is classic or consumer (KIP-848). Records are lines as in
lines.py. What goes wrong is an exception. The same programs as ci/java/{Write,Read,Group}.java.
"""

import importlib
import sys

import lines
import scenario

ADAPTERS = {"confluent": "with_confluent", "kafka-python": "with_kafka_python"}


def main(library, verb, bootstrap, *rest):
    library = importlib.import_module(ADAPTERS[library])
    if verb == "write":
        topic, partition, codec = rest
        partition = None if partition == "-" else int(partition)
        print(library.write(bootstrap, topic, partition, codec, [lines.parse(line) for line in sys.stdin]))
    elif verb == "read":
        topic, count = rest
        for record in library.read(bootstrap, topic, int(count)):
            lines.show(*record)
    elif verb == "group":
        scenario.group(library, bootstrap, *rest)
    elif verb == "member":
        group, topic, *settings = rest
        library.member(bootstrap, group, topic, dict(setting.split("=", 1) for setting in settings))
    else:
        sys.exit(f"no such verb: {verb}")


main(*sys.argv[1:])
