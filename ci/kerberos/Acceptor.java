import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.PrivilegedExceptionAction;
import java.util.HashMap;
import java.util.Map;
import javax.security.auth.Subject;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.CallbackHandler;
import javax.security.auth.login.AppConfigurationEntry;
import javax.security.auth.login.Configuration;
import javax.security.auth.login.LoginContext;
import javax.security.sasl.AuthorizeCallback;
import javax.security.sasl.Sasl;
import javax.security.sasl.SaslServer;

/**
 * Lets clients in by SASL/GSSAPI as a broker does: a login by keytab, and a SaslServer for each exchange.
 *
 * An argument is a service: "NAME PRINCIPAL KEYTAB [LAYERS|- [passive]]". LAYERS are those that it offers, as Sasl.QOP has
 * them; a passive one asks no KDC. Each listens on a port of its own on loopback, and says so: "NAME PORT".
 *
 * A client sends u32 length | token and gets u32 length | u8 status | token or text: 0 is to go on, 1 the end, with who has
 * logged in and in how many tokens, 2 a refusal. A connection may log in again (KIP-368).
 */
public class Acceptor {
    public static void main(String[] services) throws Exception {
        for (String service : services) {
            String[] words = service.split(" ");
            Subject subject = login(words[1], words[2], words.length < 5);
            Map<String, Object> properties = new HashMap<>();
            if (words.length > 3 && !words[3].equals("-")) {
                properties.put(Sasl.QOP, words[3]);
            }
            ServerSocket listener = new ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"));
            System.out.println(words[0] + " " + listener.getLocalPort());
            new Thread(() -> accept(listener, subject, words[1].split("[/@]"), properties)).start();
        }
    }

    static Subject login(String principal, String keytab, boolean initiator) throws Exception {
        Map<String, String> options = Map.of("useKeyTab", "true", "storeKey", "true", "keyTab", keytab,
            "principal", principal, "isInitiator", Boolean.toString(initiator), "doNotPrompt", "true");
        AppConfigurationEntry entry = new AppConfigurationEntry("com.sun.security.auth.module.Krb5LoginModule",
            AppConfigurationEntry.LoginModuleControlFlag.REQUIRED, options);
        LoginContext context = new LoginContext("KafkaServer", null, null, new Configuration() {
            @Override
            public AppConfigurationEntry[] getAppConfigurationEntry(String name) {
                return new AppConfigurationEntry[] {entry};
            }
        });
        context.login();
        return context.getSubject();
    }

    static void accept(ServerSocket listener, Subject subject, String[] parts, Map<String, Object> properties) {
        while (true) {
            try (Socket socket = listener.accept()) {
                DataInputStream in = new DataInputStream(socket.getInputStream());
                DataOutputStream out = new DataOutputStream(socket.getOutputStream());
                while (exchange(in, out, subject, parts, properties)) { }
            } catch (Exception why) {
                System.err.println(why);
            }
        }
    }

    /** Whether the connection may go on. */
    static boolean exchange(DataInputStream in, DataOutputStream out, Subject subject, String[] parts,
            Map<String, Object> properties) throws Exception {
        CallbackHandler handler = Acceptor::allow;
        SaslServer server = Subject.doAs(subject, (PrivilegedExceptionAction<SaslServer>) () ->
            Sasl.createSaslServer("GSSAPI", parts[0], parts[1], properties, handler));
        for (int tokens = 1;; tokens++) {
            byte[] token;
            try {
                token = new byte[in.readInt()];
            } catch (EOFException end) {
                return false;
            }
            in.readFully(token);
            byte[] answer;
            try {
                answer = Subject.doAs(subject, (PrivilegedExceptionAction<byte[]>) () -> server.evaluateResponse(token));
            } catch (Exception why) {
                StringBuilder text = new StringBuilder();
                for (Throwable cause = why; cause != null; cause = cause.getCause()) {
                    text.append(text.length() == 0 ? "" : ": ").append(cause);
                }
                send(out, 2, text.toString().getBytes(StandardCharsets.UTF_8));
                return false;
            }
            if (server.isComplete()) {
                String who = server.getAuthorizationID() + " layer=" + server.getNegotiatedProperty(Sasl.QOP);
                send(out, 1, (who + " tokens=" + tokens).getBytes(StandardCharsets.UTF_8));
                return true;
            }
            send(out, 0, answer == null ? new byte[0] : answer);
        }
    }

    static void send(DataOutputStream out, int status, byte[] content) throws Exception {
        out.writeInt(1 + content.length);
        out.writeByte(status);
        out.write(content);
        out.flush();
    }

    static void allow(Callback[] callbacks) {
        for (Callback callback : callbacks) {
            if (callback instanceof AuthorizeCallback) {
                ((AuthorizeCallback) callback).setAuthorized(true);
            }
        }
    }
}
