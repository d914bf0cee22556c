import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;

/**
 * Reads, moves and writes as groups and transactional producers do, and checks what it sees.
 *
 * Arguments: BOOTSTRAP PROTOCOL, where PROTOCOL is classic, or consumer (KIP-848, since 4.0). Prints "ok" at the end;
 * fails with an exception otherwise. Compiles against every client since 2.5.
 */
public class Group {
    static String bootstrap;
    static String protocol;

    @SuppressWarnings("removal") // listGroups came in 4.1
    public static void main(String[] args) throws Exception {
        bootstrap = args[0];
        protocol = args[1];
        String in = "in-" + protocol;
        String out = "out-" + protocol;
        try (Admin admin = Admin.create(settings())) {
            short one = 1;
            admin.createTopics(List.of(new NewTopic(in, 4, one), new NewTopic(out, 2, one))).all().get();
            transactions(in);
            rebalance(admin, in);
            copy(in, out);
            String group = "copy-" + protocol;
            Map<TopicPartition, OffsetAndMetadata> offsets =
                admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
            check(offsets.size() == 4, "offsets of four partitions: " + offsets);
            check(admin.describeConsumerGroups(List.of(group)).all().get().get(group).members().isEmpty(), "empty");
            check(transactions(admin) != 0, "transactions are listed");
            check(admin.listConsumerGroups().all().get().size() >= 2, "groups are listed");
            admin.deleteConsumerGroups(List.of(group)).all().get();
        }
        System.out.println("ok");
    }

    /** Forty records are committed, forty aborted. */
    static void transactions(String topic) throws Exception {
        try (KafkaProducer<String, String> producer = producer("writer")) {
            for (int round = 0; round < 8; round++) {
                producer.beginTransaction();
                for (int n = 0; n < 10; n++) {
                    String value = (round % 2 == 0 ? "kept " : "lost ") + (round * 10 + n);
                    producer.send(new ProducerRecord<>(topic, n % 4, null, value));
                }
                if (round % 2 == 0) {
                    producer.commitTransaction();
                } else {
                    producer.flush();
                    producer.abortTransaction();
                }
            }
        }
    }

    /** Two members share four partitions; when one leaves, the other has all. */
    static void rebalance(Admin admin, String topic) throws Exception {
        String group = "pair-" + protocol;
        Set<String> seen = new HashSet<>();
        try (KafkaConsumer<String, String> first = consumer(group)) {
            first.subscribe(List.of(topic));
            until(() -> poll(first, seen), () -> first.assignment().size() == 4, "one member has all");
            KafkaConsumer<String, String> second = consumer(group);
            second.subscribe(List.of(topic));
            until(() -> {
                poll(first, seen);
                poll(second, seen);
            }, () -> first.assignment().size() == 2 && second.assignment().size() == 2, "two members share");
            check(admin.describeConsumerGroups(List.of(group)).all().get().get(group).members().size() == 2, "two");
            second.close();
            until(() -> poll(first, seen), () -> first.assignment().size() == 4, "the last member has all");
            until(() -> poll(first, seen), () -> seen.size() >= 40, "all that was committed is read");
        }
        for (String value : seen) {
            check(value.startsWith("kept "), "read an aborted record: " + value);
        }
    }

    /**
     * Reads a topic in a group and writes to another, records and offsets in one transaction each. The first transaction
     * with records, and every third one after it, is aborted, and its records are read again.
     */
    static void copy(String in, String out) throws Exception {
        String group = "copy-" + protocol;
        int moved = 0;
        try (KafkaConsumer<String, String> consumer = consumer(group);
                KafkaProducer<String, String> producer = producer("copier")) {
            consumer.subscribe(List.of(in));
            long end = System.currentTimeMillis() + 30_000;
            for (int tries = 0; moved < 40 && System.currentTimeMillis() < end;) {
                ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(200));
                if (records.isEmpty()) {
                    continue;
                }
                Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
                producer.beginTransaction();
                for (ConsumerRecord<String, String> record : records) {
                    producer.send(new ProducerRecord<>(out, record.value()));
                    offsets.put(new TopicPartition(record.topic(), record.partition()),
                        new OffsetAndMetadata(record.offset() + 1));
                }
                producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
                if (tries++ % 3 == 0) {
                    producer.flush();
                    producer.abortTransaction();
                    rewind(consumer);
                } else {
                    producer.commitTransaction();
                    moved += records.count();
                }
            }
        }
        List<String> again = new ArrayList<>();
        try (KafkaConsumer<String, String> consumer = consumer(group)) {
            consumer.subscribe(List.of(in));
            until(() -> poll(consumer, again), () -> consumer.assignment().size() == 4, "the next member has all");
            for (int polls = 0; polls < 5; polls++) {
                poll(consumer, again);
            }
        }
        check(again.isEmpty(), "offsets went with the transactions, but read again: " + again);
        List<String> copied = new ArrayList<>();
        try (KafkaConsumer<String, String> consumer = consumer("readers-" + protocol)) {
            consumer.subscribe(List.of(out));
            until(() -> poll(consumer, copied), () -> copied.size() >= 40, "all that was copied is read");
        }
        Set<String> distinct = new HashSet<>(copied);
        check(moved == 40 && copied.size() == 40 && distinct.size() == 40, "copied " + moved + ", read " + copied);
        check(distinct.stream().allMatch(value -> value.startsWith("kept ")), "copied an aborted record");
    }

    /** Back to where the last transaction that was committed has left off. */
    static void rewind(KafkaConsumer<String, String> consumer) {
        Map<TopicPartition, OffsetAndMetadata> committed = consumer.committed(consumer.assignment());
        for (TopicPartition partition : consumer.assignment()) {
            OffsetAndMetadata at = committed.get(partition);
            consumer.seek(partition, at == null ? 0 : at.offset());
        }
    }

    /** How many transactions are listed; at least one where the client cannot ask (listTransactions came in 3.0). */
    static int transactions(Admin admin) throws Exception {
        try {
            Object listed = Admin.class.getMethod("listTransactions").invoke(admin);
            Class<?> type = Class.forName("org.apache.kafka.clients.admin.ListTransactionsResult");
            Object all = type.getMethod("all").invoke(listed);
            return ((Collection<?>) ((KafkaFuture<?>) all).get()).size();
        } catch (NoSuchMethodException before) {
            return 1;
        }
    }

    static void poll(KafkaConsumer<String, String> consumer, Collection<String> seen) {
        consumer.poll(Duration.ofMillis(50)).forEach(record -> seen.add(record.value()));
    }

    interface Condition {
        boolean holds() throws Exception;
    }

    static void until(Runnable act, Condition condition, String what) throws Exception {
        long end = System.currentTimeMillis() + 30_000;
        while (!condition.holds()) {
            check(System.currentTimeMillis() < end, "not in time: " + what);
            act.run();
        }
        System.err.println(what);
    }

    static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }

    static Properties settings() {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        return settings;
    }

    static KafkaProducer<String, String> producer(String id) {
        Properties settings = settings();
        settings.put("transactional.id", id + "-" + protocol);
        settings.put("key.serializer", "org.apache.kafka.common.serialization.StringSerializer");
        settings.put("value.serializer", "org.apache.kafka.common.serialization.StringSerializer");
        KafkaProducer<String, String> producer = new KafkaProducer<>(settings);
        producer.initTransactions();
        return producer;
    }

    static KafkaConsumer<String, String> consumer(String group) {
        Properties settings = settings();
        settings.put("group.id", group);
        settings.put("group.protocol", protocol);
        settings.put("max.poll.records", "10");
        settings.put("enable.auto.commit", "false");
        settings.put("auto.offset.reset", "earliest");
        settings.put("isolation.level", "read_committed");
        settings.put("key.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
        settings.put("value.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
        return new KafkaConsumer<>(settings);
    }
}
