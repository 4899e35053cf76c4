// Play.java - how a case is played: one line each, then the totals.
import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.Delivery;
import com.rabbitmq.client.GetResponse;
import com.rabbitmq.client.MessageProperties;
import com.rabbitmq.client.ShutdownSignalException;
import com.rabbitmq.client.impl.ClientVersion;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

/** One run of one case: what it opened, and how it fails. */
class Play {
    static final int PATIENCE = 30; // seconds that a case waits without progress
    static final String PREFIX = "interop.java." + ProcessHandle.current().pid() + ".";

    interface Steps {
        void play(Play p) throws Exception;
    }

    interface Action {
        void run() throws Exception;
    }

    /** Whoever connects in an ordinary way. */
    interface Dialer {
        ConnectionFactory factory() throws Exception;
    }

    static Dialer dialer;

    private final List<Connection> connections = new ArrayList<>();
    private final List<String> queues = new ArrayList<>();
    private final List<String> exchanges = new ArrayList<>();

    static class Failed extends RuntimeException {
        Failed(String why) {
            super(why);
        }
    }

    static void check(boolean truth, String why) {
        if (!truth) throw new Failed(why);
    }

    static void equal(Object seen, Object wanted, String what) {
        check(seen.equals(wanted), what + ": " + seen + " instead of " + wanted);
    }

    static byte[] bytes(Object body) {
        return body.toString().getBytes();
    }

    Connection connect(ConnectionFactory factory) throws Exception {
        factory.setAutomaticRecoveryEnabled(false);
        Connection c = factory.newConnection();
        connections.add(c);
        return c;
    }

    Connection connect() throws Exception {
        return connect(dialer.factory());
    }

    String queue(Channel ch, String name) throws Exception {
        queues.add(PREFIX + name);
        return ch.queueDeclare(PREFIX + name, true, false, false, null).getQueue();
    }

    String exchange(Channel ch, String name, String type) throws Exception {
        exchanges.add(PREFIX + name);
        ch.exchangeDeclare(PREFIX + name, type, true);
        return PREFIX + name;
    }

    long count(Channel ch, String queue) throws Exception {
        return ch.queueDeclarePassive(queue).getMessageCount();
    }

    /** Publishes durable messages, each confirmed before the next. */
    void fill(Connection c, String queue, Object... bodies) throws Exception {
        Channel ch = c.createChannel();
        ch.confirmSelect();
        for (Object body : bodies) {
            byte[] octets = body instanceof byte[] raw ? raw : bytes(body);
            ch.basicPublish("", queue, MessageProperties.MINIMAL_PERSISTENT_BASIC, octets);
            ch.waitForConfirmsOrDie(PATIENCE * 1000L);
        }
        ch.close();
    }

    static Object[] numbers(int from, int to) {
        Object[] all = new Object[to - from];
        Arrays.setAll(all, i -> from + i);
        return all;
    }

    BlockingQueue<Delivery> consume(Channel ch, String queue, boolean autoAck) throws Exception {
        BlockingQueue<Delivery> deliveries = new LinkedBlockingQueue<>();
        ch.basicConsume(queue, autoAck, (tag, d) -> deliveries.add(d), tag -> { });
        return deliveries;
    }

    static Delivery next(BlockingQueue<Delivery> deliveries) throws Exception {
        Delivery d = deliveries.poll(PATIENCE, TimeUnit.SECONDS);
        check(d != null, "waited in vain for a delivery");
        return d;
    }

    static void nothing(BlockingQueue<Delivery> deliveries) throws Exception {
        check(deliveries.poll(200, TimeUnit.MILLISECONDS) == null, "an unexpected delivery");
    }

    static List<Delivery> expect(BlockingQueue<Delivery> deliveries, Object... bodies)
            throws Exception {
        List<Delivery> all = new ArrayList<>();
        for (Object body : bodies) {
            Delivery d = next(deliveries);
            equal(new String(d.getBody()), body.toString(), "delivered");
            all.add(d);
        }
        return all;
    }

    static GetResponse get(Channel ch, String queue, boolean autoAck) throws Exception {
        GetResponse r = ch.basicGet(queue, autoAck);
        check(r != null, "basic.get-empty");
        return r;
    }

    /** The broker's close of a channel or connection, which the client wraps up. */
    static void refused(int code, String text, Action action) throws Exception {
        try {
            action.run();
        } catch (Exception e) {
            Throwable t = e;
            while (t != null && !(t instanceof ShutdownSignalException)) t = t.getCause();
            check(t != null, "refused without a close: " + e);
            closed(((ShutdownSignalException) t).getReason(), code, text);
            return;
        }
        throw new Failed("the broker did not refuse");
    }

    static void closed(Object reason, int code, String text) {
        int seen = reason instanceof AMQP.Channel.Close ch ? ch.getReplyCode()
            : ((AMQP.Connection.Close) reason).getReplyCode();
        String said = reason instanceof AMQP.Channel.Close ch ? ch.getReplyText()
            : ((AMQP.Connection.Close) reason).getReplyText();
        equal(seen, code, "reply code");
        check(said.contains(text), "reply text " + said);
    }

    /** Publishes count messages with at most window of them unconfirmed; each is
     * confirmed exactly once. */
    void publish(Channel ch, String queue, int count, int window) throws Exception {
        NavigableSet<Long> awaited = new ConcurrentSkipListSet<>();
        AtomicReference<String> wrong = new AtomicReference<>();
        Semaphore room = new Semaphore(window);
        ch.addConfirmListener((tag, multiple) -> {
            NavigableSet<Long> settled =
                multiple ? awaited.headSet(tag, true) : awaited.subSet(tag, true, tag, true);
            int n = settled.size();
            if (n == 0 || !awaited.contains(tag)) wrong.set("confirm " + tag + " is not awaited");
            settled.clear();
            room.release(n);
        }, (tag, multiple) -> wrong.set("nack of " + tag));
        ch.confirmSelect();
        for (int i = 0; i < count; i++) {
            check(room.tryAcquire(PATIENCE, TimeUnit.SECONDS), "waited in vain for confirms");
            awaited.add(ch.getNextPublishSeqNo());
            ch.basicPublish("", queue, MessageProperties.MINIMAL_PERSISTENT_BASIC, bytes(i));
        }
        check(room.tryAcquire(window, PATIENCE, TimeUnit.SECONDS), "waited in vain for confirms");
        count(ch, queue); // a confirm too many would come before this answer
        check(wrong.get() == null, wrong.get());
        check(awaited.isEmpty(), awaited.size() + " are not confirmed");
    }

    void confirms(String name, int count, int window) throws Exception {
        Channel ch = connect().createChannel();
        String queue = queue(ch, name);
        publish(ch, queue, count, window);
        equal(count(ch, queue), (long) count, "queued");
    }

    void body(int size) throws Exception {
        byte[] body = new byte[size];
        new java.util.Random(size).nextBytes(body);
        Connection c = connect();
        Channel ch = c.createChannel();
        String queue = queue(ch, "body");
        fill(c, queue, (Object) body);
        Delivery d = next(consume(ch, queue, true));
        check(Arrays.equals(d.getBody(), body), "other bytes");
    }

    void messages(int count) throws Exception {
        Channel out = connect().createChannel(), in = connect().createChannel();
        String queue = queue(out, "many");
        in.basicQos(1000);
        BlockingQueue<Delivery> deliveries = consume(in, queue, false);
        AtomicReference<String> wrong = new AtomicReference<>();
        Thread drain = new Thread(() -> {
            try {
                for (int n = 0; n < count; n++) {
                    Delivery d = next(deliveries);
                    equal(new String(d.getBody()), "" + n, "delivered");
                    if (n % 100 == 99) in.basicAck(d.getEnvelope().getDeliveryTag(), true);
                }
            } catch (Exception e) {
                wrong.set(e.toString());
            }
        });
        drain.start();
        publish(out, queue, count, 2000);
        drain.join(4000L * PATIENCE);
        check(!drain.isAlive() && wrong.get() == null, "consuming: " + wrong.get());
        in.close();
        equal(count(out, queue), 0L, "left");
    }

    private void clean() {
        for (Connection c : connections) c.abort(1000);
        try {
            ConnectionFactory factory = dialer.factory();
            factory.setAutomaticRecoveryEnabled(false);
            try (Connection c = factory.newConnection()) {
                Channel ch = c.createChannel();
                for (String name : queues) ch.queueDelete(name);
                for (String name : exchanges) ch.exchangeDelete(name);
            }
        } catch (Exception e) {
            System.out.println("not cleaned up: " + e);
        }
    }

    private static boolean run(String name, Steps steps) {
        Play p = new Play();
        try {
            steps.play(p);
            System.out.println("ok     " + name);
            return true;
        } catch (Exception e) { // whatever it is, this case failed and the next goes on
            String why = e instanceof Failed ? e.getMessage() : e.toString();
            System.out.println("FAILED " + name + ": " + why);
            return false;
        } finally {
            p.clean();
        }
    }

    static Map<String, Steps> list() {
        return new LinkedHashMap<>();
    }

    static void main(Map<String, Steps> cases) {
        System.out.println("amqp-client " + ClientVersion.VERSION + ", Java "
            + System.getProperty("java.version"));
        int passed = 0;
        for (Map.Entry<String, Steps> c : cases.entrySet())
            if (run(c.getKey(), c.getValue())) passed++;
        System.out.println(passed + " passed, " + (cases.size() - passed) + " failed");
        System.exit(passed == cases.size() ? 0 : 1);
    }
}
