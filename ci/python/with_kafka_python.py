"""kafka-python: a client in Python alone."""

import time

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.structs import OffsetAndMetadata

LIMIT_S = 30


def create_topic(bootstrap, topic, partitions):
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic(topic, partitions, 1)])
    admin.close()


def write(bootstrap, topic, partition, codec, records):
    codec = None if codec == "none" else codec
    # All in one batch, however slow the machine is; flush ends the waiting.
    producer = KafkaProducer(bootstrap_servers=bootstrap, compression_type=codec, linger_ms=10_000, batch_size=1 << 19)
    sent = [
        producer.send(topic, value=value, key=key, headers=headers, partition=partition)
        for key, value, headers in records
    ]
    producer.flush(LIMIT_S)
    for future in sent:
        future.get(LIMIT_S)
    producer.close()
    return len(sent)


def read(bootstrap, topic, count):
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, check_crcs=True)
    partitions = [TopicPartition(topic, partition) for partition in consumer.partitions_for_topic(topic)]
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    seen, end = [], time.monotonic() + LIMIT_S
    while len(seen) < count and time.monotonic() < end:
        seen += _records(consumer, count)
    consumer.close()
    if len(seen) != count:
        raise TimeoutError(f"wanted {count} records, saw {len(seen)}")
    return [(record.partition, record.key, record.value, record.headers) for record in seen]


class Producer:
    def __init__(self, bootstrap, transactional_id):
        self.inner = KafkaProducer(bootstrap_servers=bootstrap, transactional_id=transactional_id)
        self.inner.init_transactions()
        self.begin = self.inner.begin_transaction
        self.commit = self.inner.commit_transaction
        self.abort = self.inner.abort_transaction
        self.sent = []

    def send(self, topic, partition, value):
        self.sent.append(self.inner.send(topic, value=value.encode(), partition=partition))

    def flush(self):
        self.inner.flush(LIMIT_S)
        for future in self.sent:
            future.get(0)
        self.sent.clear()

    def send_offsets(self, member):
        consumer = member.inner
        at = {place: OffsetAndMetadata(consumer.position(place), "", -1) for place in consumer.assignment()}
        self.inner.send_offsets_to_transaction(at, consumer.group_metadata())


class Member:
    def __init__(self, bootstrap, group, topic, protocol):
        if protocol != "classic":
            raise ValueError(f"kafka-python has no groups of protocol {protocol}")
        self.inner = KafkaConsumer(bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest",
                                   enable_auto_commit=False, isolation_level="read_committed",
                                   heartbeat_interval_ms=500)
        # A leader that does not know the topic yet assigns nothing, and loses what it assigns in a second round if a
        # poll ends within it.
        self.inner.partitions_for_topic(topic)
        self.inner.subscribe([topic])
        self.close = self.inner.close

    def poll(self, count=100):
        return [record.value.decode() for record in _records(self.inner, count)]

    def assigned(self):
        return len(self.inner.assignment())

    def rewind(self):
        for place in self.inner.assignment():
            self.inner.seek(place, self.inner.committed(place) or 0)


def _records(consumer, count):
    polled = consumer.poll(timeout_ms=300, max_records=count)
    return [record for records in polled.values() for record in records]
