import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;

/**
 * Writes records that no console tool can make: null and empty keys and values, repeated and null headers.
 *
 * Arguments: BOOTSTRAP TOPIC PARTITION CODEC; PARTITION - leaves the choice to the client.
 * A line on stdin is a record: key, value, and NAME=VALUE headers, tab between, each in hex, null as "-".
 * Compiles against every client since 0.10 (headers, of 0.11, are reached by reflection).
 */
public class Write {
    public static void main(String[] args) throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", args[0]);
        settings.put("compression.type", args[3]);
        settings.put("key.serializer", "org.apache.kafka.common.serialization.ByteArraySerializer");
        settings.put("value.serializer", "org.apache.kafka.common.serialization.ByteArraySerializer");
        settings.put("acks", "all");
        // All in one batch, however slow the machine is; flush ends the waiting.
        settings.put("linger.ms", "10000");
        settings.put("max.block.ms", "30000");
        Integer partition = args[2].equals("-") ? null : Integer.valueOf(args[2]);
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings)) {
            BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (String line; (line = in.readLine()) != null;) {
                String[] parts = line.split("\t", -1);
                ProducerRecord<byte[], byte[]> record =
                    new ProducerRecord<>(args[1], partition, bytes(parts[0]), bytes(parts[1]));
                for (int i = 2; i < parts.length; i++) {
                    String[] header = parts[i].split("=", -1);
                    add(record, new String(bytes(header[0]), StandardCharsets.UTF_8), bytes(header[1]));
                }
                sent.add(producer.send(record));
            }
            producer.flush();
            for (Future<RecordMetadata> future : sent) {
                future.get();
            }
            System.out.println(sent.size());
        }
    }

    private static void add(ProducerRecord<byte[], byte[]> record, String name, byte[] value) throws Exception {
        Object headers = ProducerRecord.class.getMethod("headers").invoke(record);
        Method add = Class.forName("org.apache.kafka.common.header.Headers").getMethod("add", String.class, byte[].class);
        add.invoke(headers, name, value);
    }

    private static byte[] bytes(String hex) {
        if (hex.equals("-")) {
            return null;
        }
        byte[] bytes = new byte[hex.length() / 2];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) Integer.parseInt(hex.substring(2 * i, 2 * i + 2), 16);
        }
        return bytes;
    }
}
