// Tls.java - the list of TLS cases in RabbitMQ's Java client: Tls FOLDER, where
// certificates and the brokers' ports are.
import com.rabbitmq.client.AMQP.BasicProperties;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.DefaultSaslConfig;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

class Tls {
    static Path folder;
    static final Map<String, Integer> ports = new HashMap<>();

    /** How a client comes in; what is null is as usual. */
    record Way(String broker, String authority, String client, String user, String version) {
        static Way plain() {
            return new Way("plain", "ca", null, null, "TLS");
        }

        static Way mutual(String broker, String client, String user) {
            return new Way(broker, "ca", client, user, "TLS");
        }

        ConnectionFactory factory() throws Exception {
            ConnectionFactory factory = new ConnectionFactory();
            factory.setHost("localhost");
            factory.setPort(ports.get(broker));
            SSLContext context = SSLContext.getInstance(version);
            context.init(keys(), trust().getTrustManagers(), null);
            factory.useSslProtocol(context);
            factory.enableHostnameVerification();
            if (!version.equals("TLS"))
                factory.setSocketConfigurator(
                    s -> ((SSLSocket) s).setEnabledProtocols(new String[] {version}));
            if (user != null) factory.setSaslConfig(DefaultSaslConfig.EXTERNAL);
            return factory;
        }

        private TrustManagerFactory trust() throws Exception {
            KeyStore store = KeyStore.getInstance("PKCS12");
            store.load(null, null);
            try (InputStream in = Files.newInputStream(folder.resolve(authority + ".pem"))) {
                store.setCertificateEntry("authority",
                    CertificateFactory.getInstance("X.509").generateCertificate(in));
            }
            TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
            trust.init(store);
            return trust;
        }

        private KeyManager[] keys() throws Exception {
            if (client == null) return null;
            KeyStore store = KeyStore.getInstance("PKCS12");
            try (InputStream in = Files.newInputStream(folder.resolve(client + ".p12"))) {
                store.load(in, "secret".toCharArray());
            }
            KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
            keys.init(store, "secret".toCharArray());
            return keys.getKeyManagers();
        }
    }

    /** The broker confirms what says to be from the user only if that is who is
     * logged in. */
    static void letIn(Play p, ConnectionFactory factory, String user) throws Exception {
        try (Connection c = p.connect(factory)) {
            Channel ch = c.createChannel();
            ch.confirmSelect();
            ch.basicPublish("amq.fanout", "",
                new BasicProperties.Builder().userId(user == null ? "guest" : user).build(),
                new byte[0]);
            ch.waitForConfirmsOrDie(Play.PATIENCE * 1000L);
        }
    }

    static void letIn(Play p, Way way) throws Exception {
        letIn(p, way.factory(), way.user());
    }

    static void keptOut(Play p, Way way) throws Exception {
        ConnectionFactory factory = way.factory();
        try {
            p.connect(factory);
        } catch (java.io.IOException refused) {
            return;
        }
        throw new Play.Failed("it was let in");
    }

    static void speaks(Play p, String version) throws Exception {
        AtomicReference<SSLSocket> socket = new AtomicReference<>();
        ConnectionFactory factory =
            new Way("plain", "ca", null, null, version).factory();
        factory.setSocketConfigurator(s -> {
            ((SSLSocket) s).setEnabledProtocols(new String[] {version});
            socket.set((SSLSocket) s);
        });
        letIn(p, factory, null);
        Play.equal(socket.get().getSession().getProtocol(), version, "version");
    }

    public static void main(String[] args) throws Exception {
        folder = Path.of(args[0]);
        for (String line : Files.readAllLines(folder.resolve("ports")))
            ports.put(line.split(" ")[0], Integer.valueOf(line.split(" ")[1]));
        Play.dialer = () -> Way.plain().factory();
        Map<String, Play.Steps> list = Play.list();
        list.put("TLS 1.2", p -> speaks(p, "TLSv1.2"));
        list.put("TLS 1.3", p -> speaks(p, "TLSv1.3"));
        list.put("a broker of another authority is left",
            p -> keptOut(p, new Way("plain", "stranger", null, null, "TLS")));
        list.put("a client with a certificate is let in",
            p -> letIn(p, Way.mutual("subject", "client", null)));
        list.put("a client without a certificate is not",
            p -> keptOut(p, Way.mutual("subject", null, null)));
        list.put("a certificate of another authority is refused",
            p -> keptOut(p, Way.mutual("subject", "forged", null)));
        list.put("EXTERNAL by the subject",
            p -> letIn(p, Way.mutual("subject", "client", "CN=anna,O=Team")));
        list.put("EXTERNAL by the common name",
            p -> letIn(p, Way.mutual("common_name", "client", "anna")));
        list.put("EXTERNAL by an alternative name",
            p -> letIn(p, Way.mutual("alternative", "client", "anna.example")));
        list.put("body of 1 MiB", p -> p.body(1 << 20));
        list.put("body of 32 MiB", p -> p.body(32 << 20));
        list.put("20000 messages", p -> p.messages(20000));
        Play.main(list);
    }
}
