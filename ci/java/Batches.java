import java.nio.ByteBuffer;
import java.util.Random;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.CompressionType;
import org.apache.kafka.common.record.DefaultRecordBatch;
import org.apache.kafka.common.record.EndTransactionMarker;
import org.apache.kafka.common.record.ControlRecordType;
import org.apache.kafka.common.record.MemoryRecords;
import org.apache.kafka.common.record.MemoryRecordsBuilder;
import org.apache.kafka.common.record.MutableRecordBatch;
import org.apache.kafka.common.record.Record;
import org.apache.kafka.common.record.RecordBatch;
import org.apache.kafka.common.record.SimpleRecord;
import org.apache.kafka.common.record.TimestampType;

/**
 * Makes record batches with Kafka's own classes, of every format and codec, and prints what these classes find in them.
 *
 * Arguments: COUNT SEED. A line on stdout is an object: the bytes of one to three batches behind each other in hex, and
 * the batches. Compiles against 3.8 and 3.9, which are the last to write magic 0 and 1.
 */
public class Batches {
    private static final String HEX = "0123456789abcdef";
    private final Random random;

    private Batches(long seed) {
        random = new Random(seed);
    }

    public static void main(String[] args) {
        Batches batches = new Batches(Long.parseLong(args[1]));
        for (int i = Integer.parseInt(args[0]); i > 0; i--) {
            ByteBuffer buffer = ByteBuffer.allocate(4 << 20);
            for (int left = 1 + batches.random.nextInt(3); left > 0; left--) {
                batches.write(buffer);
            }
            buffer.flip();
            System.out.println(show(MemoryRecords.readableRecords(buffer)));
        }
    }

    private void write(ByteBuffer to) {
        byte magic = (byte) (random.nextInt(4) == 0 ? random.nextInt(2) : 2);
        long base = random.nextInt(4) == 0 ? random.nextLong() >>> 2 : random.nextInt(1000);
        int kind = magic == 2 ? random.nextInt(12) : 9;
        if (kind == 0) {
            long offsets = base + random.nextInt(20);
            DefaultRecordBatch.writeEmptyHeader(to, magic, producerId(), (short) random.nextInt(9), random.nextInt(99), base,
                offsets, random.nextInt(9), random.nextBoolean() ? TimestampType.CREATE_TIME : TimestampType.LOG_APPEND_TIME,
                time(), random.nextBoolean(), false);
            return;
        }
        if (kind == 1) {
            ControlRecordType type = random.nextBoolean() ? ControlRecordType.COMMIT : ControlRecordType.ABORT;
            MemoryRecords.writeEndTransactionalMarker(to, base, time(), random.nextInt(9), producerId(),
                (short) random.nextInt(9), new EndTransactionMarker(type, random.nextInt(9)));
            return;
        }
        boolean transactional = magic == 2 && random.nextInt(4) == 0;
        boolean idempotent = transactional || magic == 2 && random.nextInt(3) == 0;
        int sequence = random.nextInt(3) == 0 ? Integer.MAX_VALUE - random.nextInt(3) : random.nextInt(99);
        // "Delete horizon" makes the base timestamp mean something else.
        long horizon = magic == 2 && random.nextInt(6) == 0 ? time() : RecordBatch.NO_TIMESTAMP;
        try (MemoryRecordsBuilder builder = new MemoryRecordsBuilder(
            new org.apache.kafka.common.utils.ByteBufferOutputStream(to), magic, Compression.of(codec(magic)).build(),
            type(magic), base, time(), idempotent ? producerId() : -1, idempotent ? (short) random.nextInt(99) : -1,
            idempotent ? sequence : -1, transactional, false, magic == 2 ? random.nextInt(9) - 1 : -1, 1 << 20, horizon)) {
            long offset = base;
            for (int left = 1 + random.nextInt(8); left > 0; left--) {
                SimpleRecord record = new SimpleRecord(magic == 0 ? -1 : time(), bytes(), bytes(), headers(magic));
                builder.appendWithOffset(offset, record);
                offset += 1 + (random.nextInt(5) == 0 ? random.nextInt(300) : 0);
            }
        }
    }

    private CompressionType codec(byte magic) {
        CompressionType[] codecs = {
            CompressionType.NONE, CompressionType.GZIP, CompressionType.SNAPPY, CompressionType.LZ4, CompressionType.ZSTD,
        };
        return codecs[random.nextInt(magic == 2 ? 5 : 4)];
    }

    private TimestampType type(byte magic) {
        if (magic == 0) {
            return TimestampType.NO_TIMESTAMP_TYPE;
        }
        return random.nextInt(3) == 0 ? TimestampType.LOG_APPEND_TIME : TimestampType.CREATE_TIME;
    }

    private long producerId() {
        return random.nextInt(5) == 0 ? random.nextLong() >>> 1 : random.nextInt(1000);
    }

    private long time() {
        return random.nextInt(6) == 0 ? random.nextLong() >>> 2 : 1_700_000_000_000L + random.nextInt();
    }

    private byte[] bytes() {
        int kind = random.nextInt(8);
        if (kind == 0) {
            return null;
        }
        byte[] bytes = new byte[kind == 1 ? 0 : kind == 2 && random.nextInt(8) == 0 ? random.nextInt(70_000) : random.nextInt(200)];
        if (random.nextBoolean()) {
            random.nextBytes(bytes);
        }
        return bytes;
    }

    private Header[] headers(byte magic) {
        Header[] headers = new Header[magic == 2 && random.nextInt(3) == 0 ? 1 + random.nextInt(3) : 0];
        for (int i = 0; i < headers.length; i++) {
            String[] names = {"", "a", "a", "trace", "é✓"};
            headers[i] = new RecordHeader(names[random.nextInt(names.length)], bytes());
        }
        return headers;
    }

    private static String show(MemoryRecords records) {
        StringBuilder out = new StringBuilder("{\"hex\":").append(hex(records.buffer())).append(",\"batches\":[");
        String comma = "";
        for (MutableRecordBatch batch : records.batches()) {
            out.append(comma);
            comma = ",";
            show(batch, out);
        }
        return out.append("]}").toString();
    }

    private static void show(RecordBatch batch, StringBuilder out) {
        out.append("{\"magic\":").append(batch.magic()).append(",\"baseOffset\":").append(batch.baseOffset())
            .append(",\"lastOffset\":").append(batch.lastOffset())
            .append(",\"compression\":\"").append(batch.compressionType().name)
            .append("\",\"timestampType\":\"").append(batch.timestampType().name)
            .append("\",\"maxTimestamp\":").append(batch.maxTimestamp())
            .append(",\"producerId\":").append(batch.producerId()).append(",\"producerEpoch\":").append(batch.producerEpoch())
            .append(",\"baseSequence\":").append(batch.baseSequence())
            .append(",\"transactional\":").append(batch.isTransactional())
            .append(",\"control\":").append(batch.isControlBatch())
            .append(",\"partitionLeaderEpoch\":").append(batch.partitionLeaderEpoch());
        if (batch.magic() >= 2) {
            out.append(",\"count\":").append(batch.countOrNull());
        }
        out.append(",\"size\":").append(batch.sizeInBytes()).append(",\"records\":[");
        String comma = "";
        for (Record record : batch) {
            out.append(comma).append("{\"offset\":").append(record.offset()).append(",\"timestamp\":").append(record.timestamp())
                .append(",\"sequence\":").append(record.sequence()).append(",\"key\":").append(hex(record.key()))
                .append(",\"value\":").append(hex(record.value())).append(",\"headers\":[");
            comma = "";
            for (Header header : record.headers()) {
                byte[] value = header.value();
                out.append(comma).append("[\"").append(header.key()).append("\",")
                    .append(hex(value == null ? null : ByteBuffer.wrap(value))).append("]");
                comma = ",";
            }
            out.append("]}");
            comma = ",";
        }
        out.append("]}");
    }

    private static String hex(ByteBuffer bytes) {
        if (bytes == null) {
            return "null";
        }
        StringBuilder hex = new StringBuilder("\"");
        for (int i = bytes.position(); i < bytes.limit(); i++) {
            hex.append(HEX.charAt(bytes.get(i) >> 4 & 15)).append(HEX.charAt(bytes.get(i) & 15));
        }
        return hex.append('"').toString();
    }
}
