import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.utils.AppInfoParser;

/**
 * Java's client beside kurier: the same words, the same JSON line (docs/performance.md).
 *
 * <pre>
 * Bench produce --topic T --payload FILE --size N --warmup N --count N
 * Bench consume --topic T --warmup N --count N
 * </pre>
 *
 * each with [--bootstrap HOST:PORT] [--tag TEXT] [-X KEY=VALUE].. CPU time is that of the whole process, its compiler
 * and its collector included, in ticks of 10 ms.
 */
final class Bench {
  private record Usage(double at, double user, double system) {
    static Usage now() throws Exception {
      String stat = Files.readString(Path.of("/proc/self/stat"));
      String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
      double user = Long.parseLong(fields[11]) / 100.0, system = Long.parseLong(fields[12]) / 100.0;
      return new Usage(System.nanoTime() / 1e9, user, system);
    }
  }

  private final Map<String, String> options = new HashMap<>();
  private final Map<String, Object> settings = new HashMap<>();
  private final long warmup, count;

  private Bench(String[] words) {
    for (int i = 1; i + 1 < words.length; i += 2) {
      String[] pair = words[i + 1].split("=", 2);
      if (words[i].equals("-X")) settings.put(pair[0], pair[1]);
      else options.put(words[i], words[i + 1]);
    }
    settings.put("bootstrap.servers", options.getOrDefault("--bootstrap", "127.0.0.1:9092"));
    settings.put("enable.metrics.push", "false");
    warmup = Long.parseLong(options.get("--warmup"));
    count = Long.parseLong(options.get("--count"));
  }

  public static void main(String[] words) throws Exception {
    Bench bench = new Bench(words);
    long errors = words[0].equals("produce") ? bench.produce() : bench.consume();
    System.out.flush();
    Runtime.getRuntime().halt(errors == 0 ? 0 : 1);
  }

  private long produce() throws Exception {
    int size = Integer.parseInt(options.get("--size"));
    byte[] payload = Files.readAllBytes(Path.of(options.get("--payload")));
    byte[][] values = new byte[payload.length / size][];
    for (int i = 0; i < values.length; i++) values[i] = java.util.Arrays.copyOfRange(payload, i * size, (i + 1) * size);
    settings.putIfAbsent("batch.size", "1000000");
    settings.putIfAbsent("buffer.memory", "67108864");
    var producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
    AtomicLong errors = new AtomicLong();
    Callback callback = (metadata, error) -> { if (error != null) errors.incrementAndGet(); };
    Usage opened = Usage.now();
    for (long i = 0; i < warmup + count; i++) {
      if (i == warmup) {
        producer.flush();
        opened = Usage.now();
      }
      producer.send(new ProducerRecord<>(options.get("--topic"), 0, null, values[(int) (i % values.length)]), callback);
    }
    producer.flush();
    print("produce", opened, count, count * size, errors.get());
    return errors.get();
  }

  private long consume() throws Exception {
    settings.put("group.id", "bench");
    settings.put("enable.auto.commit", "false");
    settings.putIfAbsent("max.poll.records", "10000");
    var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    TopicPartition partition = new TopicPartition(options.get("--topic"), 0);
    consumer.assign(List.of(partition));
    consumer.seek(partition, 0);
    long records = 0, before = 0, bytes = 0, next = 0, errors = 0;
    Usage opened = null;
    while (records < warmup + count) {
      for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
        if (record.offset() != next) errors++;
        next = record.offset() + 1;
        records++;
        bytes += record.value().length;
      }
      if (opened == null && records >= warmup) {
        opened = Usage.now();
        before = records;
        bytes = 0;
      }
    }
    print("consume", opened, records - before, bytes, errors);
    return errors;
  }

  private void print(String mode, Usage opened, long records, long bytes, long errors) throws Exception {
    Usage closed = Usage.now();
    double secs = closed.at - opened.at, user = closed.user - opened.user, system = closed.system - opened.system;
    System.out.printf(Locale.ROOT, "{\"client\":\"java %s\",\"mode\":\"%s\",\"topic\":\"%s\",\"tag\":\"%s\"",
        AppInfoParser.getVersion(), mode, options.get("--topic"), options.getOrDefault("--tag", ""));
    System.out.printf(Locale.ROOT, ",\"size\":%d,\"records\":%d,\"secs\":%.3f,\"rec_s\":%.0f,\"MB_s\":%.1f",
        bytes / records, records, secs, records / secs, bytes / 1e6 / secs);
    System.out.printf(Locale.ROOT, ",\"cpu_ns_rec\":%.0f,\"user_ns_rec\":%.0f,\"sys_ns_rec\":%.0f,\"cpu_util\":%.2f",
        (user + system) * 1e9 / records, user * 1e9 / records, system * 1e9 / records, (user + system) / secs);
    System.out.printf(Locale.ROOT, ",\"ctxsw_per_k\":0,\"rss_mb\":%.1f,\"errors\":%d}%n", peakMib(), errors);
  }

  private static double peakMib() throws Exception {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmHWM:")) return Long.parseLong(line.replaceAll("[^0-9]", "")) / 1024.0;
    }
    return 0;
  }
}
