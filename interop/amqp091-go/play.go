// play.go - how a case is played: one line each, then the totals.
package main

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// patience is how long a case waits without any progress.
const patience = 30 * time.Second

var (
	url    string
	prefix = fmt.Sprintf("interop.go.%d.", os.Getpid())

	// dial connects in an ordinary way.
	dial = func() (*amqp.Connection, error) { return amqp.Dial(url) }
)

// play is one run of one case: what it opened, and how it fails.
type play struct {
	connections []*amqp.Connection
	queues      []string
	exchanges   []string
}

type failure string

func (p *play) fail(format string, args ...any) {
	panic(failure(fmt.Sprintf(format, args...)))
}

func (p *play) must(err error) {
	if err != nil {
		p.fail("%v", err)
	}
}

func equal[T comparable](p *play, what string, seen, wanted T) {
	if seen != wanted {
		p.fail("%s: %v instead of %v", what, seen, wanted)
	}
}

func (p *play) connect() *amqp.Connection {
	c, err := dial()
	p.must(err)
	p.connections = append(p.connections, c)
	return c
}

// connectByHand also returns the socket, so that it can be cut.
func (p *play) connectByHand(config amqp.Config) (*amqp.Connection, net.Conn) {
	var socket net.Conn
	config.Dial = func(network, address string) (net.Conn, error) {
		var err error
		socket, err = amqp.DefaultDial(patience)(network, address)
		return socket, err
	}
	c, err := amqp.DialConfig(url, config)
	p.must(err)
	p.connections = append(p.connections, c)
	return c, socket
}

func (p *play) channel(c *amqp.Connection) *amqp.Channel {
	ch, err := c.Channel()
	p.must(err)
	return ch
}

func (p *play) queue(ch *amqp.Channel, name string) string {
	p.queues = append(p.queues, prefix+name)
	_, err := ch.QueueDeclare(prefix+name, true, false, false, false, nil)
	p.must(err)
	return prefix + name
}

func (p *play) exchange(ch *amqp.Channel, name, kind string) string {
	p.exchanges = append(p.exchanges, prefix+name)
	p.must(ch.ExchangeDeclare(prefix+name, kind, true, false, false, false, nil))
	return prefix + name
}

func (p *play) count(ch *amqp.Channel, queue string) int {
	q, err := ch.QueueDeclarePassive(queue, true, false, false, false, nil)
	p.must(err)
	return q.Messages
}

// next waits for one delivery.
func (p *play) next(deliveries <-chan amqp.Delivery) amqp.Delivery {
	select {
	case d, ok := <-deliveries:
		if !ok {
			p.fail("the deliveries ended")
		}
		return d
	case <-time.After(patience):
		p.fail("waited in vain for a delivery")
	}
	panic("unreachable")
}

// nothing holds that no delivery comes for a while.
func (p *play) nothing(deliveries <-chan amqp.Delivery) {
	select {
	case d, ok := <-deliveries:
		if ok {
			p.fail("unexpected delivery %q", d.Body)
		}
	case <-time.After(200 * time.Millisecond):
	}
}

func (p *play) consume(ch *amqp.Channel, queue string, autoAck bool) <-chan amqp.Delivery {
	deliveries, err := ch.Consume(queue, "", autoAck, false, false, false, nil)
	p.must(err)
	return deliveries
}

// expect takes the next deliveries and compares their bodies.
func (p *play) expect(deliveries <-chan amqp.Delivery, bodies ...string) (all []amqp.Delivery) {
	for _, body := range bodies {
		d := p.next(deliveries)
		equal(p, "delivered", string(d.Body), body)
		all = append(all, d)
	}
	return all
}

// refused holds that err is the broker's, with this code.
func (p *play) refused(err error, code int) {
	if e, ok := err.(*amqp.Error); !ok || e.Code != code {
		p.fail("%v instead of %d", err, code)
	}
}

func durable(body string) amqp.Publishing {
	return amqp.Publishing{DeliveryMode: amqp.Persistent, Body: []byte(body)}
}

// confirmed publishes and waits for the one confirm.
func (p *play) confirmed(ch *amqp.Channel, exchange, key string, m amqp.Publishing) {
	confirm, err := ch.PublishWithDeferredConfirm(exchange, key, false, false, m)
	p.must(err)
	p.settled(confirm)
}

func (p *play) settled(confirm *amqp.DeferredConfirmation) {
	select {
	case <-confirm.Done():
		if !confirm.Acked() {
			p.fail("%d was not confirmed", confirm.DeliveryTag)
		}
	case <-time.After(patience):
		p.fail("waited in vain for confirm %d", confirm.DeliveryTag)
	}
}

// fill publishes one confirmed durable message per body.
func (p *play) fill(c *amqp.Connection, queue string, bodies ...string) {
	ch := p.channel(c)
	p.must(ch.Confirm(false))
	for _, body := range bodies {
		p.confirmed(ch, "", queue, durable(body))
	}
	p.must(ch.Close())
}

// clean takes away what the case left, on a connection of its own.
func (p *play) clean() {
	for _, c := range p.connections {
		c.CloseDeadline(time.Now().Add(time.Second))
	}
	c, err := dial()
	if err != nil {
		return
	}
	defer c.Close()
	ch, err := c.Channel()
	if err != nil {
		return
	}
	for _, name := range p.queues {
		ch.QueueDelete(name, false, false, false)
	}
	for _, name := range p.exchanges {
		ch.ExchangeDelete(name, false, false)
	}
}

func run(name string, steps func(*play)) (passed bool) {
	p := &play{}
	defer p.clean()
	defer func() {
		switch why := recover().(type) {
		case nil:
			fmt.Println("ok    ", name)
			passed = true
		case failure:
			fmt.Printf("FAILED %s: %s\n", name, why)
		default:
			panic(why)
		}
	}()
	steps(p)
	return
}

func libraryVersion() string {
	info, _ := debug.ReadBuildInfo()
	for _, m := range info.Deps {
		if m.Path == "github.com/rabbitmq/amqp091-go" {
			return m.Version
		}
	}
	return "of unknown version"
}

func main() {
	all := cases
	switch {
	case len(os.Args) == 2:
		url = os.Args[1]
	case len(os.Args) == 3 && os.Args[1] == "tls":
		if err := useTLS(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		all = tlsCases
	default:
		fmt.Fprintln(os.Stderr, "usage: play URL | play tls FOLDER")
		os.Exit(2)
	}
	fmt.Println("amqp091-go", libraryVersion()+",", runtime.Version())
	passed := 0
	for _, c := range all {
		if run(c.name, c.steps) {
			passed++
		}
	}
	fmt.Printf("%d passed, %d failed\n", passed, len(all)-passed)
	if passed != len(all) {
		os.Exit(1)
	}
}
