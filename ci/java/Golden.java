import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;

/**
 * Reads messages with Kafka's own classes and prints what is in them, as Kafka's JSON converters do.
 *
 * A line on stdin: the message's name, its version, its bytes in hex, its JSON form or "-"; tab between.
 * A line on stdout: a word and what it is about, tab between:
 *   ok JSON           the bytes were read to their end; if the line has a JSON form, both that form and what was
 *                     read were written again, to the same bytes
 *   unknown           this release has no such message, or not in this version
 *   refused WHY       the bytes are no such message
 *   left COUNT JSON   bytes were left over
 *   differs HEX FROM  writing it again (FROM: read, json) gave other bytes
 */
public class Golden {
    private static final String[] PACKAGES = {
        "org.apache.kafka.common.message.", "org.apache.kafka.coordinator.group.generated.",
        "org.apache.kafka.coordinator.transaction.generated.", "kafka.internals.generated.",
    };
    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final Map<String, Golden> KNOWN = new HashMap<>();

    private final Class<?> type;
    private final Method write;
    private final Method read;
    private final short lowest;
    private final short highest;

    private Golden(Class<?> type) throws ReflectiveOperationException {
        this.type = type;
        Class<?> converter = Class.forName(type.getName() + "JsonConverter");
        write = converter.getMethod("write", type, short.class);
        read = converter.getMethod("read", JsonNode.class, short.class);
        lowest = type.getField("LOWEST_SUPPORTED_VERSION").getShort(null);
        highest = type.getField("HIGHEST_SUPPORTED_VERSION").getShort(null);
    }

    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintWriter out = new PrintWriter(new BufferedWriter(new OutputStreamWriter(System.out, StandardCharsets.UTF_8)));
        for (String line; (line = in.readLine()) != null;) {
            String[] parts = line.split("\t", 4);
            Golden golden = KNOWN.computeIfAbsent(parts[0], Golden::find);
            short version = Short.parseShort(parts[1]);
            boolean known = golden != null && golden.lowest <= version && version <= golden.highest;
            out.print(known ? golden.answer(version, bytes(parts[2]), parts[3]) : "unknown");
            out.print('\n');
        }
        out.flush();
    }

    private static Golden find(String name) {
        for (String folder : PACKAGES) {
            for (String end : new String[] {"Data", ""}) {
                try {
                    return new Golden(Class.forName(folder + name + end));
                } catch (ReflectiveOperationException elsewhere) {
                    continue;
                }
            }
        }
        return null;
    }

    private String answer(short version, byte[] bytes, String json) {
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        try {
            Message message = (Message) type.getConstructor().newInstance();
            message.read(new ByteBufferAccessor(buffer), version);
            String text = write.invoke(null, message, version).toString();
            if (buffer.hasRemaining()) {
                return "left\t" + buffer.remaining() + "\t" + text;
            }
            if (json.equals("-")) {
                return "ok\t" + text;
            }
            byte[] again = written(message, version);
            if (!Arrays.equals(again, bytes)) {
                return "differs\t" + hex(again) + "\tread";
            }
            again = written((Message) read.invoke(null, MAPPER.readTree(json), version), version);
            return Arrays.equals(again, bytes) ? "ok\t" + text : "differs\t" + hex(again) + "\tjson";
        } catch (InvocationTargetException e) {
            return "refused\t" + oneLine(e.getCause());
        } catch (Exception e) {
            return "refused\t" + oneLine(e);
        }
    }

    private static byte[] written(Message message, short version) {
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer buffer = ByteBuffer.allocate(message.size(cache, version));
        message.write(new ByteBufferAccessor(buffer), cache, version);
        return Arrays.copyOf(buffer.array(), buffer.position());
    }

    private static String oneLine(Throwable error) {
        return error.toString().replaceAll("\\s+", " ");
    }

    private static byte[] bytes(String hex) {
        byte[] bytes = new byte[hex.length() / 2];
        for (int i = 0; i < bytes.length; i++) {
            int high = Character.digit(hex.charAt(2 * i), 16);
            bytes[i] = (byte) (high << 4 | Character.digit(hex.charAt(2 * i + 1), 16));
        }
        return bytes;
    }

    private static String hex(byte[] bytes) {
        StringBuilder hex = new StringBuilder();
        for (byte b : bytes) {
            hex.append(Character.forDigit(b >> 4 & 15, 16)).append(Character.forDigit(b & 15, 16));
        }
        return hex.toString();
    }
}
