// cases.go - the interop list in amqp091-go.
package main

import (
	"bytes"
	"math/rand"
	"reflect"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

type namedCase struct {
	name  string
	steps func(*play)
}

var cases = []namedCase{
	{"connect with heartbeat", connectWithHeartbeat},
	{"wrong password is refused with 403", wrongPassword},
	{"missing vhost is refused with 530", missingVhost},
	{"declare, bind and route", declareBindRoute},
	{"exchange to exchange", exchangeToExchange},
	{"confirms one at a time", func(p *play) { p.publish("single", 200, 1) }},
	{"confirms in a batch", func(p *play) { p.publish("batch", 1000, 1000) }},
	{"confirms asynchronously", func(p *play) { p.publish("async", 10000, 100) }},
	{"mandatory return before confirm", mandatoryReturn},
	{"prefetch and acknowledged consuming", prefetch},
	{"ack multiple", ackMultiple},
	{"nack requeues in order, redelivered", nackRequeues},
	{"reject without requeue discards", rejectDiscards},
	{"cancel by the client", cancelByClient},
	{"cancel by queue deletion", cancelByDeletion},
	{"get", get},
	{"body of 0 bytes", func(p *play) { p.body(0) }},
	{"body of 1 MiB", func(p *play) { p.body(1 << 20) }},
	{"body of 32 MiB", func(p *play) { p.body(32 << 20) }},
	{"headers of every type", headersOfEveryType},
	{"missing queue 404, channel reused", missingQueue},
	{"exclusive queue 405", exclusiveQueue},
	{"precondition failed 406", preconditionFailed},
	{"100000 messages", func(p *play) { p.messages(100000) }},
	{"redelivery after channel close", redeliveryAfterChannel},
	{"redelivery after connection close", redeliveryAfterConnection},
}

func numbers(from, to int) (all []string) {
	for ; from < to; from++ {
		all = append(all, strconv.Itoa(from))
	}
	return all
}

func connectWithHeartbeat(p *play) {
	c, _ := p.connectByHand(amqp.Config{Heartbeat: 2 * time.Second})
	equal(p, "heartbeat", c.Config.Heartbeat, 2*time.Second)
	time.Sleep(5 * time.Second)
	_, err := p.channel(c).QueueDeclare("", false, false, true, false, nil)
	p.must(err)
}

func wrongPassword(p *play) {
	uri, err := amqp.ParseURI(url)
	p.must(err)
	uri.Password = "wrong"
	_, err = amqp.Dial(uri.String())
	p.refused(err, amqp.AccessRefused)
}

func missingVhost(p *play) {
	uri, err := amqp.ParseURI(url)
	p.must(err)
	uri.Vhost = prefix + "nowhere"
	_, err = amqp.Dial(uri.String())
	p.refused(err, amqp.NotAllowed)
}

func declareBindRoute(p *play) {
	ch := p.channel(p.connect())
	exchange := p.exchange(ch, "topic", "topic")
	queue := p.queue(ch, "routed")
	p.must(ch.QueueBind(queue, "a.*.c", exchange, false, nil))
	p.must(ch.Confirm(false))
	for _, key := range []string{"a.b.c", "a.b.d", "a.x.c"} {
		p.confirmed(ch, exchange, key, durable(key))
	}
	p.expect(p.consume(ch, queue, true), "a.b.c", "a.x.c")
	p.must(ch.QueueUnbind(queue, "a.*.c", exchange, nil))
}

func exchangeToExchange(p *play) {
	ch := p.channel(p.connect())
	first := p.exchange(ch, "first", "fanout")
	second := p.exchange(ch, "second", "direct")
	queue := p.queue(ch, "behind")
	p.must(ch.ExchangeBind(second, "", first, false, nil))
	p.must(ch.QueueBind(queue, "key", second, false, nil))
	p.must(ch.Confirm(false))
	p.confirmed(ch, first, "key", durable("1"))
	p.confirmed(ch, first, "other", durable("2"))
	p.must(ch.ExchangeUnbind(second, "", first, false, nil))
	p.confirmed(ch, first, "key", durable("3"))
	deliveries := p.consume(ch, queue, true)
	p.expect(deliveries, "1")
	p.nothing(deliveries)
}

// publish sends count durable messages with at most window of them
// unconfirmed and holds that each is confirmed once, in order.
func (p *play) publish(name string, count, window int) {
	ch := p.channel(p.connect())
	queue := p.queue(ch, name)
	p.publishTo(ch, queue, count, window)
	equal(p, "queued", p.count(ch, queue), count)
}

func (p *play) publishTo(ch *amqp.Channel, queue string, count, window int) {
	p.must(ch.Confirm(false))
	confirms := ch.NotifyPublish(make(chan amqp.Confirmation, count+1))
	published, confirmed := 0, 0
	for confirmed < count {
		for published < count && published-confirmed < window {
			p.must(ch.Publish("", queue, false, false, durable(strconv.Itoa(published))))
			published++
		}
		confirmed++
		p.confirm(confirms, uint64(confirmed))
	}
	p.count(ch, queue) // a confirm too many would come before this answer
	equal(p, "confirms too many", len(confirms), 0)
}

func (p *play) confirm(confirms <-chan amqp.Confirmation, tag uint64) {
	select {
	case c := <-confirms:
		equal(p, "confirm", c, amqp.Confirmation{DeliveryTag: tag, Ack: true})
	case <-time.After(patience):
		p.fail("waited in vain for confirm %d", tag)
	}
}

func mandatoryReturn(p *play) {
	ch := p.channel(p.connect())
	p.must(ch.Confirm(false))
	returns := ch.NotifyReturn(make(chan amqp.Return, 1))
	confirm, err := ch.PublishWithDeferredConfirm(
		"", prefix+"nobody", true, false, durable("back"))
	p.must(err)
	p.settled(confirm)
	if len(returns) != 1 {
		p.fail("confirmed without a return before it")
	}
	r := <-returns
	equal(p, "reply code", r.ReplyCode, 312)
	equal(p, "reply text", r.ReplyText, "NO_ROUTE")
	equal(p, "body", string(r.Body), "back")
}

func prefetch(p *play) {
	c := p.connect()
	ch := p.channel(c)
	queue := p.queue(ch, "prefetch")
	p.fill(c, queue, numbers(0, 10)...)
	p.must(ch.Qos(3, 0, false))
	deliveries := p.consume(ch, queue, false)
	held := p.expect(deliveries, numbers(0, 3)...)
	p.nothing(deliveries)
	for n := 3; n < 10; n++ {
		p.must(held[0].Ack(false))
		held = append(held[1:], p.expect(deliveries, strconv.Itoa(n))...)
	}
	for _, d := range held {
		p.must(d.Ack(false))
	}
	p.must(ch.Close())
	equal(p, "left", p.count(p.channel(c), queue), 0)
}

func ackMultiple(p *play) {
	c := p.connect()
	ch := p.channel(c)
	queue := p.queue(ch, "multiple")
	p.fill(c, queue, numbers(0, 10)...)
	held := p.expect(p.consume(ch, queue, false), numbers(0, 10)...)
	p.must(held[6].Ack(true))
	p.must(ch.Close())
	p.expect(p.consume(p.channel(c), queue, true), numbers(7, 10)...)
}

func nackRequeues(p *play) {
	c := p.connect()
	ch := p.channel(c)
	queue := p.queue(ch, "requeue")
	p.fill(c, queue, numbers(0, 6)...)
	var last amqp.Delivery
	for n := 0; n < 4; n++ {
		last = p.get(ch, queue, false)
	}
	p.must(last.Nack(true, true))
	all := p.expect(p.consume(ch, queue, true), numbers(0, 6)...)
	for n, d := range all {
		equal(p, "redelivered of "+strconv.Itoa(n), d.Redelivered, n < 4)
	}
}

func (p *play) get(ch *amqp.Channel, queue string, autoAck bool) amqp.Delivery {
	d, ok, err := ch.Get(queue, autoAck)
	p.must(err)
	if !ok {
		p.fail("basic.get-empty")
	}
	return d
}

func rejectDiscards(p *play) {
	c := p.connect()
	ch := p.channel(c)
	queue := p.queue(ch, "reject")
	p.fill(c, queue, numbers(0, 3)...)
	held := []amqp.Delivery{
		p.get(ch, queue, false), p.get(ch, queue, false), p.get(ch, queue, false)}
	p.must(held[0].Reject(false))
	p.must(held[1].Reject(true))
	p.must(held[2].Nack(false, false))
	deliveries := p.consume(ch, queue, true)
	p.expect(deliveries, "1")
	p.nothing(deliveries)
}

func cancelByClient(p *play) {
	c := p.connect()
	ch := p.channel(c)
	queue := p.queue(ch, "cancel")
	deliveries, err := ch.Consume(queue, "tag", false, false, false, false, nil)
	p.must(err)
	p.must(ch.Cancel("tag", false))
	p.fill(c, queue, "0")
	p.nothing(deliveries)
	q, err := ch.QueueDeclarePassive(queue, true, false, false, false, nil)
	p.must(err)
	equal(p, "messages", q.Messages, 1)
	equal(p, "consumers", q.Consumers, 0)
}

func cancelByDeletion(p *play) {
	c := p.connect()
	ch := p.channel(c)
	queue := p.queue(ch, "deleted")
	cancelled := ch.NotifyCancel(make(chan string, 1))
	_, err := ch.Consume(queue, "tag", false, false, false, false, nil)
	p.must(err)
	_, err = p.channel(c).QueueDelete(queue, false, false, false)
	p.must(err)
	select {
	case tag := <-cancelled:
		equal(p, "cancelled", tag, "tag")
	case <-time.After(patience):
		p.fail("waited in vain for basic.cancel")
	}
}

func get(p *play) {
	c := p.connect()
	ch := p.channel(c)
	queue := p.queue(ch, "get")
	_, ok, err := ch.Get(queue, false)
	p.must(err)
	equal(p, "got from an empty queue", ok, false)
	p.fill(c, queue, "0", "1")
	d := p.get(ch, queue, false)
	equal(p, "body", string(d.Body), "0")
	equal(p, "left", d.MessageCount, 1)
	equal(p, "delivery mode", d.DeliveryMode, amqp.Persistent)
	p.must(d.Ack(false))
	d = p.get(ch, queue, true)
	equal(p, "body", string(d.Body), "1")
	equal(p, "left", d.MessageCount, 0)
}

func (p *play) body(size int) {
	body := make([]byte, size)
	rand.New(rand.NewSource(int64(size))).Read(body)
	c := p.connect()
	ch := p.channel(c)
	queue := p.queue(ch, "body")
	p.fill(c, queue, string(body))
	d := p.next(p.consume(ch, queue, true))
	equal(p, "size", len(d.Body), size)
	equal(p, "same bytes", bytes.Equal(d.Body, body), true)
}

func headersOfEveryType(p *play) {
	when := time.Unix(981173106, 0)
	headers := amqp.Table{
		"bool": true, "not": false,
		"int8": int8(-128), "uint8": byte(255),
		"int16": int16(-32768), "uint16": uint16(65535),
		"int32": int32(-1 << 31), "uint32": uint32(1<<32 - 1),
		"int64": int64(-1 << 63),
		"float": float32(1.5), "double": 2.25,
		"decimal": amqp.Decimal{Scale: 2, Value: 314},
		"string":  "grüße", "bytes": []byte{0, 255}, "time": when,
		"table": amqp.Table{"inner": amqp.Table{"deep": int32(1)}, "empty": amqp.Table{}},
		"array": []any{int32(1), "two", nil, []any{3.0}, amqp.Table{"four": int64(4)}},
		"void":  nil,
	}
	uri, err := amqp.ParseURI(url)
	p.must(err)
	sent := amqp.Publishing{
		Headers: headers, ContentType: "text/plain", ContentEncoding: "utf-8",
		DeliveryMode: amqp.Persistent, Priority: 3, CorrelationId: "correlation",
		ReplyTo: "reply", Expiration: "600000", MessageId: "message",
		Timestamp: when, Type: "type", UserId: uri.Username, AppId: "app",
		Body: []byte{},
	}
	ch := p.channel(p.connect())
	queue := p.queue(ch, "headers")
	p.must(ch.Confirm(false))
	p.confirmed(ch, "", queue, sent)
	d := p.get(ch, queue, true)
	back := amqp.Publishing{
		Headers: d.Headers, ContentType: d.ContentType, ContentEncoding: d.ContentEncoding,
		DeliveryMode: d.DeliveryMode, Priority: d.Priority, CorrelationId: d.CorrelationId,
		ReplyTo: d.ReplyTo, Expiration: d.Expiration, MessageId: d.MessageId,
		Timestamp: d.Timestamp, Type: d.Type, UserId: d.UserId, AppId: d.AppId,
		Body: []byte{},
	}
	if !reflect.DeepEqual(back, sent) {
		p.fail("%+v instead of %+v", back, sent)
	}
}

func missingQueue(p *play) {
	c := p.connect()
	for n := 0; n < 3; n++ {
		ch := p.channel(c) // the library takes the lowest free number
		_, err := ch.QueueDeclarePassive(prefix+"nowhere", true, false, false, false, nil)
		p.refused(err, amqp.NotFound)
	}
	_, err := p.channel(c).QueueDeclare("", false, false, true, false, nil)
	p.must(err)
}

func exclusiveQueue(p *play) {
	owner, other := p.connect(), p.connect()
	q, err := p.channel(owner).QueueDeclare("", false, false, true, false, nil)
	p.must(err)
	_, err = p.channel(other).QueueDeclarePassive(q.Name, false, false, true, false, nil)
	p.refused(err, amqp.ResourceLocked)
	p.must(owner.Close())
	_, err = p.channel(other).QueueDeclarePassive(q.Name, false, false, true, false, nil)
	p.refused(err, amqp.NotFound)
}

func preconditionFailed(p *play) {
	c := p.connect()
	queue := p.queue(p.channel(c), "durable")
	_, err := p.channel(c).QueueDeclare(queue, false, false, false, false, nil)
	p.refused(err, amqp.PreconditionFailed)
	ch := p.channel(c)
	closed := ch.NotifyClose(make(chan *amqp.Error, 1))
	p.must(ch.Ack(1, false))
	select {
	case err := <-closed:
		p.refused(err, amqp.PreconditionFailed)
	case <-time.After(patience):
		p.fail("an unknown delivery tag was taken")
	}
}

func (p *play) messages(count int) {
	producer, consumer := p.connect(), p.connect()
	out, in := p.channel(producer), p.channel(consumer)
	queue := p.queue(out, "many")
	p.must(in.Qos(1000, 0, false))
	done := make(chan string, 1)
	go drain(p.consume(in, queue, false), count, done)
	p.publishTo(out, queue, count, 2000)
	select {
	case why := <-done:
		equal(p, "drained", why, "")
	case <-time.After(2 * patience):
		p.fail("not all were consumed")
	}
	p.must(in.Close())
	equal(p, "left", p.count(out, queue), 0)
}

// drain takes count deliveries in order, acknowledging every hundredth with
// all before it, and reports "" or what was wrong.
func drain(deliveries <-chan amqp.Delivery, count int, done chan<- string) {
	for n := 0; n < count; n++ {
		d, ok := <-deliveries
		if !ok {
			done <- "the deliveries ended at " + strconv.Itoa(n)
			return
		}
		if string(d.Body) != strconv.Itoa(n) || d.Redelivered {
			done <- string(d.Body) + " instead of " + strconv.Itoa(n)
			return
		}
		if n%100 == 99 {
			d.Ack(true)
		}
	}
	done <- ""
}

func (p *play) redelivered(c *amqp.Connection, queue string, bodies ...string) {
	for _, d := range p.expect(p.consume(p.channel(c), queue, true), bodies...) {
		equal(p, "redelivered", d.Redelivered, true)
	}
}

func redeliveryAfterChannel(p *play) {
	c := p.connect()
	ch := p.channel(c)
	queue := p.queue(ch, "channel")
	p.fill(c, queue, numbers(0, 3)...)
	p.expect(p.consume(ch, queue, false), numbers(0, 3)...)
	p.must(ch.Close())
	p.redelivered(c, queue, numbers(0, 3)...)
}

func redeliveryAfterConnection(p *play) {
	first, socket := p.connectByHand(amqp.Config{})
	second := p.connect()
	ch := p.channel(first)
	queue := p.queue(ch, "connection")
	p.fill(second, queue, numbers(0, 3)...)
	p.expect(p.consume(ch, queue, false), numbers(0, 3)...)
	p.must(socket.Close()) // no connection.close
	p.redelivered(second, queue, numbers(0, 3)...)
}
