"""confluent-kafka: librdkafka as its newest release is."""

import signal
import time

from confluent_kafka import OFFSET_BEGINNING, OFFSET_INVALID, Consumer, KafkaException, TopicPartition
from confluent_kafka import Producer as Inner
from confluent_kafka.admin import AdminClient, NewTopic

LIMIT_S = 30


def create_topic(bootstrap, topic, partitions):
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for made in admin.create_topics([NewTopic(topic, partitions, 1)]).values():
        made.result(LIMIT_S)


def write(bootstrap, topic, partition, codec, records):
    # All in one batch, however slow the machine is; flush ends the waiting.
    producer = Inner({"bootstrap.servers": bootstrap, "compression.type": codec, "linger.ms": 10_000,
                      "enable.idempotence": True})
    written = []
    for key, value, headers in records:
        where = {} if partition is None else {"partition": partition}
        producer.produce(topic, value=value, key=key, headers=headers, on_delivery=_into(written), **where)
    if producer.flush(LIMIT_S):
        raise TimeoutError("not all is written")
    return len(written)


def read(bootstrap, topic, count):
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused", "enable.auto.commit": False,
                         "check.crcs": True})
    partitions = consumer.list_topics(topic, LIMIT_S).topics[topic].partitions
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
    seen, end = [], time.monotonic() + LIMIT_S
    while len(seen) < count and time.monotonic() < end:
        seen += _messages(consumer, count, 0.2)
    consumer.close()
    if len(seen) != count:
        raise TimeoutError(f"wanted {count} records, saw {len(seen)}")
    return [(m.partition(), m.key(), m.value(), m.headers()) for m in seen]


def member(bootstrap, group, topic, settings):
    """What is shown is committed: at the latest before it is given up, and at the end."""
    asked = []
    signal.signal(signal.SIGTERM, lambda *_: asked.append(True))
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest", **settings})
    consumer.subscribe([topic])
    while not asked:
        for message in _messages(consumer, 100, 0.1):
            print(message.value().decode(), flush=True)
    consumer.close()


class Producer:
    def __init__(self, bootstrap, transactional_id):
        self.inner = Inner({"bootstrap.servers": bootstrap, "transactional.id": transactional_id})
        self.inner.init_transactions(LIMIT_S)
        self.begin = self.inner.begin_transaction

    def send(self, topic, partition, value):
        where = {} if partition is None else {"partition": partition}
        self.inner.produce(topic, value=value, on_delivery=_into([]), **where)

    def flush(self):
        if self.inner.flush(LIMIT_S):
            raise TimeoutError("not all is written")

    def commit(self):
        self.inner.commit_transaction(LIMIT_S)

    def abort(self):
        self.inner.abort_transaction(LIMIT_S)

    def send_offsets(self, member):
        consumer = member.inner
        positions = [at for at in consumer.position(consumer.assignment()) if at.offset != OFFSET_INVALID]
        self.inner.send_offsets_to_transaction(positions, consumer.consumer_group_metadata(), LIMIT_S)


class Member:
    def __init__(self, bootstrap, group, topic, protocol):
        self.inner = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "group.protocol": protocol,
                               "auto.offset.reset": "earliest", "enable.auto.commit": False,
                               "isolation.level": "read_committed"})
        self.inner.subscribe([topic])
        self.close = self.inner.close

    def poll(self, count=100):
        return [message.value().decode() for message in _messages(self.inner, count, 0.1)]

    def assigned(self):
        return len(self.inner.assignment())

    def rewind(self):
        for place in self.inner.committed(self.inner.assignment(), LIMIT_S):
            place.offset = max(place.offset, 0)
            self.inner.seek(place)


def _messages(consumer, count, wait_s):
    messages = consumer.consume(count, wait_s)
    for message in messages:
        if message.error():
            raise KafkaException(message.error())
    return messages


def _into(written):
    def delivered(error, message):
        if error is not None:
            raise KafkaException(error)
        written.append(message)
    return delivered
