import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;

/**
 * Reads a topic from the beginning through assigned partitions, and shows what a console tool hides.
 *
 * Arguments: BOOTSTRAP TOPIC COUNT. Ends after COUNT records, or fails after 30 s.
 * A line on stdout is a record: partition, key, value, and NAME=VALUE headers, tab between; all but the partition
 * in hex, null as "-". Compiles against every client since 0.10.
 */
public class Read {
    public static void main(String[] args) throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", args[0]);
        settings.put("key.deserializer", "org.apache.kafka.common.serialization.ByteArrayDeserializer");
        settings.put("value.deserializer", "org.apache.kafka.common.serialization.ByteArrayDeserializer");
        settings.put("auto.offset.reset", "earliest");
        settings.put("enable.auto.commit", "false");
        int wanted = Integer.parseInt(args[2]);
        int seen = 0;
        StringBuilder out = new StringBuilder();
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings)) {
            List<TopicPartition> partitions = new ArrayList<>();
            for (PartitionInfo info : consumer.partitionsFor(args[1])) {
                partitions.add(new TopicPartition(args[1], info.partition()));
            }
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            long end = System.currentTimeMillis() + 30_000;
            while (seen < wanted && System.currentTimeMillis() < end) {
                for (ConsumerRecord<byte[], byte[]> record : poll(consumer)) {
                    show(record, out);
                    seen++;
                }
            }
        }
        System.out.print(out);
        System.out.flush();
        if (seen != wanted) {
            System.err.println("wanted " + wanted + " records, saw " + seen);
            System.exit(1);
        }
    }

    /** poll(long) went away in 4.0, poll(Duration) came in 2.0. */
    @SuppressWarnings("unchecked")
    private static ConsumerRecords<byte[], byte[]> poll(KafkaConsumer<byte[], byte[]> consumer) throws Exception {
        try {
            Method poll = KafkaConsumer.class.getMethod("poll", java.time.Duration.class);
            return (ConsumerRecords<byte[], byte[]>) poll.invoke(consumer, java.time.Duration.ofMillis(500));
        } catch (NoSuchMethodException before) {
            Method poll = KafkaConsumer.class.getMethod("poll", long.class);
            return (ConsumerRecords<byte[], byte[]>) poll.invoke(consumer, 500L);
        }
    }

    private static void show(ConsumerRecord<byte[], byte[]> record, StringBuilder out) throws Exception {
        out.append(record.partition()).append('\t').append(hex(record.key())).append('\t').append(hex(record.value()));
        for (Object header : headers(record)) {
            Class<?> type = Class.forName("org.apache.kafka.common.header.Header");
            String name = (String) type.getMethod("key").invoke(header);
            byte[] value = (byte[]) type.getMethod("value").invoke(header);
            out.append('\t').append(hex(name.getBytes(StandardCharsets.UTF_8))).append('=').append(hex(value));
        }
        out.append('\n');
    }

    /** Headers came in 0.11. */
    private static Iterable<?> headers(ConsumerRecord<byte[], byte[]> record) throws Exception {
        try {
            return (Iterable<?>) ConsumerRecord.class.getMethod("headers").invoke(record);
        } catch (NoSuchMethodException before) {
            return new ArrayList<>();
        }
    }

    private static String hex(byte[] bytes) {
        if (bytes == null) {
            return "-";
        }
        StringBuilder hex = new StringBuilder();
        for (byte b : bytes) {
            hex.append(String.format("%02x", b));
        }
        return hex.toString();
    }
}
