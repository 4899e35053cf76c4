// Cases.java - the interop list in RabbitMQ's Java client.
import com.rabbitmq.client.AMQP.BasicProperties;
import com.rabbitmq.client.AMQP.Queue.DeclareOk;
import com.rabbitmq.client.AuthenticationFailureException;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.Delivery;
import com.rabbitmq.client.GetResponse;
import com.rabbitmq.client.MessageProperties;
import com.rabbitmq.client.Return;
import com.rabbitmq.client.ShutdownSignalException;
import java.math.BigDecimal;
import java.net.Socket;
import java.util.Arrays;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

class Cases {
    static final BasicProperties DURABLE = MessageProperties.MINIMAL_PERSISTENT_BASIC;

    public static void main(String[] args) {
        Map<String, Play.Steps> list = Play.list();
        Play.dialer = () -> {
            ConnectionFactory factory = new ConnectionFactory();
            factory.setUri(args[0]);
            return factory;
        };
        list.put("connect with heartbeat", Cases::heartbeat);
        list.put("wrong password is refused with 403", Cases::wrongPassword);
        list.put("missing vhost is refused with 530", Cases::missingVhost);
        list.put("declare, bind and route", Cases::route);
        list.put("exchange to exchange", Cases::exchangeToExchange);
        list.put("confirms one at a time", p -> p.confirms("single", 200, 1));
        list.put("confirms in a batch", p -> p.confirms("batch", 1000, 1000));
        list.put("confirms asynchronously", p -> p.confirms("async", 10000, 100));
        list.put("mandatory return before confirm", Cases::mandatory);
        list.put("prefetch and acknowledged consuming", Cases::prefetch);
        list.put("ack multiple", Cases::ackMultiple);
        list.put("nack requeues in order, redelivered", Cases::nackRequeues);
        list.put("reject without requeue discards", Cases::rejectDiscards);
        list.put("cancel by the client", Cases::cancelByClient);
        list.put("cancel by queue deletion", Cases::cancelByDeletion);
        list.put("get", Cases::get);
        list.put("body of 0 bytes", p -> p.body(0));
        list.put("body of 1 MiB", p -> p.body(1 << 20));
        list.put("body of 32 MiB", p -> p.body(32 << 20));
        list.put("headers of every type", Cases::headers);
        list.put("missing queue 404, channel reused", Cases::missingQueue);
        list.put("exclusive queue 405", Cases::exclusiveQueue);
        list.put("precondition failed 406", Cases::preconditionFailed);
        list.put("100000 messages", p -> p.messages(100000));
        list.put("redelivery after channel close", Cases::afterChannel);
        list.put("redelivery after connection close", Cases::afterConnection);
        Play.main(list);
    }

    static void heartbeat(Play p) throws Exception {
        ConnectionFactory factory = Play.dialer.factory();
        factory.setRequestedHeartbeat(2);
        Connection c = p.connect(factory);
        Play.equal(c.getHeartbeat(), 2, "heartbeat");
        Play.check(c.getServerProperties().containsKey("capabilities"), "no capabilities");
        Thread.sleep(5000);
        c.createChannel().queueDeclare();
    }

    static void wrongPassword(Play p) throws Exception {
        ConnectionFactory factory = Play.dialer.factory();
        factory.setPassword("wrong");
        try {
            p.connect(factory);
        } catch (AuthenticationFailureException e) { // the client's own for 403
            Play.check(e.getMessage().contains("ACCESS_REFUSED"), e.getMessage());
            return;
        }
        throw new Play.Failed("the broker let it in");
    }

    static void missingVhost(Play p) throws Exception {
        ConnectionFactory factory = Play.dialer.factory();
        factory.setVirtualHost(Play.PREFIX + "nowhere");
        Play.refused(530, "NOT_ALLOWED - vhost", () -> p.connect(factory));
    }

    static void route(Play p) throws Exception {
        Channel ch = p.connect().createChannel();
        String exchange = p.exchange(ch, "topic", "topic"), queue = p.queue(ch, "routed");
        ch.queueBind(queue, exchange, "a.*.c");
        ch.confirmSelect();
        for (String key : List.of("a.b.c", "a.b.d", "a.x.c"))
            ch.basicPublish(exchange, key, DURABLE, Play.bytes(key));
        ch.waitForConfirmsOrDie(Play.PATIENCE * 1000L);
        Play.expect(p.consume(ch, queue, true), "a.b.c", "a.x.c");
        ch.queueUnbind(queue, exchange, "a.*.c");
    }

    static void exchangeToExchange(Play p) throws Exception {
        Channel ch = p.connect().createChannel();
        String first = p.exchange(ch, "first", "fanout");
        String second = p.exchange(ch, "second", "direct"), queue = p.queue(ch, "behind");
        ch.exchangeBind(second, first, "");
        ch.queueBind(queue, second, "key");
        ch.basicPublish(first, "key", DURABLE, Play.bytes(1));
        ch.basicPublish(first, "other", DURABLE, Play.bytes(2));
        ch.exchangeUnbind(second, first, "");
        ch.basicPublish(first, "key", DURABLE, Play.bytes(3));
        BlockingQueue<Delivery> deliveries = p.consume(ch, queue, true);
        Play.expect(deliveries, 1);
        Play.nothing(deliveries);
    }

    static void mandatory(Play p) throws Exception {
        Channel ch = p.connect().createChannel();
        BlockingQueue<Object> said = new LinkedBlockingQueue<>();
        ch.addReturnListener(said::add);
        ch.addConfirmListener((tag, multiple) -> said.add(tag), (tag, multiple) -> { });
        ch.confirmSelect();
        ch.basicPublish("", Play.PREFIX + "nobody", true, DURABLE, Play.bytes("back"));
        Object first = said.poll(Play.PATIENCE, TimeUnit.SECONDS);
        Play.check(first instanceof Return, "confirmed without a return before it");
        Return r = (Return) first;
        Play.equal(r.getReplyCode(), 312, "reply code");
        Play.equal(r.getReplyText(), "NO_ROUTE", "reply text");
        Play.equal(new String(r.getBody()), "back", "body");
        Play.equal(said.poll(Play.PATIENCE, TimeUnit.SECONDS), 1L, "confirm");
    }

    static void prefetch(Play p) throws Exception {
        Connection c = p.connect();
        Channel ch = c.createChannel();
        String queue = p.queue(ch, "prefetch");
        p.fill(c, queue, Play.numbers(0, 10));
        ch.basicQos(3);
        BlockingQueue<Delivery> deliveries = p.consume(ch, queue, false);
        List<Delivery> held = Play.expect(deliveries, 0, 1, 2);
        Play.nothing(deliveries);
        for (int n = 3; n < 10; n++) {
            ack(ch, held.remove(0), false);
            held.addAll(Play.expect(deliveries, n));
        }
        for (Delivery d : held) ack(ch, d, false);
        ch.close();
        Play.equal(p.count(c.createChannel(), queue), 0L, "left");
    }

    static void ack(Channel ch, Delivery d, boolean multiple) throws Exception {
        ch.basicAck(d.getEnvelope().getDeliveryTag(), multiple);
    }

    static void ackMultiple(Play p) throws Exception {
        Connection c = p.connect();
        Channel ch = c.createChannel();
        String queue = p.queue(ch, "multiple");
        p.fill(c, queue, Play.numbers(0, 10));
        ack(ch, Play.expect(p.consume(ch, queue, false), Play.numbers(0, 10)).get(6), true);
        ch.close();
        Play.expect(p.consume(c.createChannel(), queue, true), 7, 8, 9);
    }

    static void nackRequeues(Play p) throws Exception {
        Connection c = p.connect();
        Channel ch = c.createChannel();
        String queue = p.queue(ch, "requeue");
        p.fill(c, queue, Play.numbers(0, 6));
        long last = 0;
        for (int n = 0; n < 4; n++)
            last = Play.get(ch, queue, false).getEnvelope().getDeliveryTag();
        ch.basicNack(last, true, true);
        List<Delivery> all = Play.expect(p.consume(ch, queue, true), Play.numbers(0, 6));
        for (int n = 0; n < 6; n++)
            Play.equal(all.get(n).getEnvelope().isRedeliver(), n < 4, "redelivered of " + n);
    }

    static void rejectDiscards(Play p) throws Exception {
        Connection c = p.connect();
        Channel ch = c.createChannel();
        String queue = p.queue(ch, "reject");
        p.fill(c, queue, 0, 1, 2);
        long[] tags = new long[3];
        for (int n = 0; n < 3; n++)
            tags[n] = Play.get(ch, queue, false).getEnvelope().getDeliveryTag();
        ch.basicReject(tags[0], false);
        ch.basicReject(tags[1], true);
        ch.basicNack(tags[2], false, false);
        BlockingQueue<Delivery> deliveries = p.consume(ch, queue, true);
        Play.expect(deliveries, 1);
        Play.nothing(deliveries);
    }

    static void cancelByClient(Play p) throws Exception {
        Connection c = p.connect();
        Channel ch = c.createChannel();
        String queue = p.queue(ch, "cancel");
        BlockingQueue<Delivery> deliveries = new LinkedBlockingQueue<>();
        ch.basicCancel(ch.basicConsume(queue, (tag, d) -> deliveries.add(d), tag -> { }));
        p.fill(c, queue, 0);
        Play.nothing(deliveries);
        DeclareOk declared = ch.queueDeclarePassive(queue);
        Play.equal(declared.getMessageCount(), 1, "messages");
        Play.equal(declared.getConsumerCount(), 0, "consumers");
    }

    static void cancelByDeletion(Play p) throws Exception {
        Connection c = p.connect();
        Channel ch = c.createChannel();
        String queue = p.queue(ch, "deleted");
        BlockingQueue<String> cancelled = new LinkedBlockingQueue<>();
        String tag = ch.basicConsume(queue, (t, d) -> { }, cancelled::add);
        c.createChannel().queueDelete(queue);
        Play.check(tag.equals(cancelled.poll(Play.PATIENCE, TimeUnit.SECONDS)),
            "waited in vain for basic.cancel");
    }

    static void get(Play p) throws Exception {
        Connection c = p.connect();
        Channel ch = c.createChannel();
        String queue = p.queue(ch, "get");
        Play.check(ch.basicGet(queue, false) == null, "got from an empty queue");
        p.fill(c, queue, 0, 1);
        GetResponse r = Play.get(ch, queue, false);
        Play.equal(new String(r.getBody()), "0", "body");
        Play.equal(r.getMessageCount(), 1, "left");
        Play.equal(r.getProps().getDeliveryMode(), 2, "delivery mode");
        ch.basicAck(r.getEnvelope().getDeliveryTag(), false);
        r = Play.get(ch, queue, true);
        Play.equal(new String(r.getBody()), "1", "body");
        Play.equal(r.getMessageCount(), 0, "left");
    }

    static void headers(Play p) throws Exception {
        Date when = new Date(981173106000L);
        Map<String, Object> headers = new HashMap<>();
        headers.put("bool", true);
        headers.put("byte", (byte) -128);
        headers.put("short", (short) -32768);
        headers.put("int", Integer.MIN_VALUE);
        headers.put("long", Long.MIN_VALUE);
        headers.put("float", 1.5f);
        headers.put("double", 2.25);
        headers.put("decimal", new BigDecimal("3.14"));
        headers.put("time", when);
        headers.put("table", Map.of("inner", Map.of("deep", 1), "empty", Map.of()));
        headers.put("array", Arrays.asList(1, null, List.of(3.0), Map.of("four", 4L)));
        headers.put("void", null);
        byte[] binary = {0, (byte) 255};
        Map<String, Object> sent = new HashMap<>(headers);
        sent.put("string", "grüße");
        sent.put("bytes", binary);
        BasicProperties props = new BasicProperties("text/plain", "utf-8", sent, 2, 3,
            "correlation", "reply", "600000", "message", when, "type",
            Play.dialer.factory().getUsername(), "app", null);
        Channel ch = p.connect().createChannel();
        String queue = p.queue(ch, "headers");
        ch.basicPublish("", queue, props, new byte[0]);
        BasicProperties back = Play.get(ch, queue, true).getProps();
        Map<String, Object> seen = new HashMap<>(back.getHeaders());
        Play.equal(seen.remove("string").toString(), "grüße", "string");
        // The client writes octets as type x and reads them as such.
        Object octets = seen.remove("bytes");
        Play.check(octets instanceof byte[] b && Arrays.equals(b, binary), "octets");
        Play.equal(seen, headers, "headers");
        Play.equal(back.builder().headers(null).build(), props.builder().headers(null).build(),
            "properties");
    }

    static void missingQueue(Play p) throws Exception {
        Connection c = p.connect();
        for (int n = 0; n < 3; n++) {
            Channel ch = c.createChannel(7);
            Play.refused(404, "NOT_FOUND - no queue",
                () -> ch.queueDeclarePassive(Play.PREFIX + "nowhere"));
        }
        c.createChannel(7).queueDeclare();
    }

    static void exclusiveQueue(Play p) throws Exception {
        Connection owner = p.connect(), other = p.connect();
        String queue = owner.createChannel().queueDeclare().getQueue();
        Play.refused(405, "RESOURCE_LOCKED",
            () -> other.createChannel().queueDeclarePassive(queue));
        owner.close();
        Play.refused(404, "NOT_FOUND", () -> other.createChannel().queueDeclarePassive(queue));
    }

    static void preconditionFailed(Play p) throws Exception {
        Connection c = p.connect();
        String queue = p.queue(c.createChannel(), "durable");
        Play.refused(406, "inequivalent arg 'durable'",
            () -> c.createChannel().queueDeclare(queue, false, false, false, null));
        Channel ch = c.createChannel();
        BlockingQueue<ShutdownSignalException> ends = new LinkedBlockingQueue<>();
        ch.addShutdownListener(ends::add);
        ch.basicAck(1, false);
        ShutdownSignalException end = ends.poll(Play.PATIENCE, TimeUnit.SECONDS);
        Play.check(end != null, "an unknown delivery tag was taken");
        Play.closed(end.getReason(), 406, "unknown delivery tag 1");
    }

    static void again(Connection c, Play p, String queue) throws Exception {
        BlockingQueue<Delivery> deliveries = p.consume(c.createChannel(), queue, true);
        for (Delivery d : Play.expect(deliveries, 0, 1, 2))
            Play.check(d.getEnvelope().isRedeliver(), "not marked redelivered");
    }

    static void afterChannel(Play p) throws Exception {
        Connection c = p.connect();
        Channel ch = c.createChannel();
        String queue = p.queue(ch, "channel");
        p.fill(c, queue, 0, 1, 2);
        Play.expect(p.consume(ch, queue, false), 0, 1, 2);
        ch.close();
        again(c, p, queue);
    }

    static void afterConnection(Play p) throws Exception {
        AtomicReference<Socket> socket = new AtomicReference<>();
        ConnectionFactory factory = Play.dialer.factory();
        factory.setSocketConfigurator(socket::set);
        Connection first = p.connect(factory), second = p.connect();
        Channel ch = first.createChannel();
        String queue = p.queue(ch, "connection");
        p.fill(second, queue, 0, 1, 2);
        Play.expect(p.consume(ch, queue, false), 0, 1, 2);
        socket.get().close(); // no connection.close
        again(second, p, queue);
    }
}
