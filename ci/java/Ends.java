import java.time.Duration;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;

/**
 * Reads partition 0 of topics to its end, cluster by cluster.
 *
 * Arguments: TOPIC,.. BOOTSTRAP..; a line on stdout is a record: which cluster, from 0, topic and value, tab between.
 * Fails after 30 s without an end. Compiles against every client since 2.0.
 */
public class Ends {
    public static void main(String[] args) throws Exception {
        StringBuilder out = new StringBuilder();
        for (int cluster = 1; cluster < args.length; cluster++) {
            for (String topic : args[0].split(",")) {
                read(args[cluster], topic, (cluster - 1) + "\t" + topic + "\t", out);
            }
        }
        System.out.print(out);
        System.out.flush();
    }

    static void read(String bootstrap, String topic, String head, StringBuilder out) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("key.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
        settings.put("value.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
        settings.put("fetch.max.wait.ms", "50");
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(settings)) {
            List<TopicPartition> partition = List.of(new TopicPartition(topic, 0));
            consumer.assign(partition);
            consumer.seekToBeginning(partition);
            long end = consumer.endOffsets(partition).get(partition.get(0));
            long limit = System.currentTimeMillis() + 30_000;
            // An empty partition is asked for too, several times.
            do {
                if (limit < System.currentTimeMillis()) {
                    throw new AssertionError(bootstrap + " " + topic + ": not at its end in time");
                }
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
                    out.append(head).append(record.value()).append('\n');
                }
            } while (consumer.position(partition.get(0)) < end);
        }
    }
}
