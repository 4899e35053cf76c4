// restart.go - confirmed publishing and acknowledged consuming of numbered
// durable messages while the broker is killed again and again. Afterwards every
// confirmed message must have been consumed, and in order.
package main

import (
	"fmt"
	"math/rand"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const (
	queue    = "restart"
	window   = 500 // unconfirmed at most
	prefetch = 200
	ackEvery = 25
	patience = 60 * time.Second
)

// account is what both sides know of each number.
type account struct {
	mutex     sync.Mutex
	published int          // the numbers below were sent, each once
	confirmed map[int]bool // the broker has promised these
	acked     map[int]bool // and was told that these are done
	seen      map[int]bool
	highest   int // of those seen
	consumed  int // deliveries, the repeated ones too
	disorder  []string
	stalled   []int // never confirmed though the connection was up
}

func newAccount() *account {
	return &account{confirmed: map[int]bool{}, acked: map[int]bool{},
		seen: map[int]bool{}, highest: -1}
}

// take notes a delivery; last is the one before it in the same session, or -1.
func (a *account) take(number, last int) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.consumed++
	if number <= last {
		a.disorder = append(a.disorder, fmt.Sprintf("%d after %d", number, last))
	} else if !a.seen[number] && number < a.highest {
		// What is delivered for the first time follows all delivered before.
		a.disorder = append(a.disorder, fmt.Sprintf("%d late, after %d", number, a.highest))
	}
	a.seen[number] = true
	if number > a.highest {
		a.highest = number
	}
}

func (a *account) settle(numbers []int) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	for _, n := range numbers {
		a.acked[n] = true
	}
}

// missing counts what was confirmed and never came to be acknowledged.
func (a *account) missing() (all []int) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	for n := range a.confirmed {
		if !a.acked[n] {
			all = append(all, n)
		}
	}
	return all
}

func (a *account) counts() (published, confirmed, consumed int) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.published, len(a.confirmed), a.consumed
}

// session is called with a channel until done is closed, again after each loss
// of the connection.
func session(b *broker, done <-chan struct{}, work func(*amqp.Channel)) {
	for {
		select {
		case <-done:
			return
		default:
		}
		if c, err := amqp.Dial(b.url()); err != nil {
			time.Sleep(5 * time.Millisecond)
		} else {
			if ch, err := c.Channel(); err == nil {
				work(ch)
			}
			c.Close()
		}
	}
}

// publish sends one number after the other and notes their confirms, until the
// connection is lost, or done and all are confirmed.
func (a *account) publish(ch *amqp.Channel, done <-chan struct{}) {
	confirms := ch.NotifyPublish(make(chan amqp.Confirmation, window))
	if ch.Confirm(false) != nil {
		return
	}
	awaited := []int{}
	for {
		for stopped := false; !stopped && len(awaited) < window; {
			select {
			case <-done:
				stopped = true
			default:
				awaited = append(awaited, a.next())
				if a.send(ch, awaited[len(awaited)-1]) != nil {
					stopped = true
				}
			}
		}
		if len(awaited) == 0 {
			return
		}
		select {
		case c, ok := <-confirms:
			if !ok {
				return
			}
			if c.Ack {
				a.confirm(awaited[0])
			}
			awaited = awaited[1:]
		case <-time.After(patience / 2):
			a.stall(awaited[0])
			return
		}
	}
}

func (a *account) next() int {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.published++
	return a.published - 1
}

func (a *account) send(ch *amqp.Channel, number int) error {
	return ch.Publish("", queue, false, false, amqp.Publishing{
		DeliveryMode: amqp.Persistent, Body: []byte(strconv.Itoa(number))})
}

func (a *account) confirm(number int) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.confirmed[number] = true
}

func (a *account) stall(number int) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.stalled = append(a.stalled, number)
}

// consume acknowledges in groups, until the connection is lost or done.
func (a *account) consume(ch *amqp.Channel, done <-chan struct{}) {
	if ch.Qos(prefetch, 0, false) != nil {
		return
	}
	deliveries, err := ch.Consume(queue, "", false, false, false, false, nil)
	if err != nil {
		return
	}
	held, last := []int{}, -1
	for {
		select {
		case <-done:
			return
		case d, ok := <-deliveries:
			if !ok {
				return
			}
			number, _ := strconv.Atoi(string(d.Body))
			a.take(number, last)
			last = number
			held = append(held, number)
			if len(held) < ackEvery {
				continue
			}
			if d.Ack(true) != nil {
				return
			}
			a.settle(held)
			held = held[:0]
		}
	}
}

// drain takes and acknowledges what is left, on a connection of its own.
func (a *account) drain(url string) error {
	c, err := amqp.Dial(url)
	if err != nil {
		return err
	}
	defer c.Close()
	ch, err := c.Channel()
	if err != nil {
		return err
	}
	for last := -1; ; {
		d, ok, err := ch.Get(queue, false)
		if err != nil || !ok {
			return err
		}
		number, _ := strconv.Atoi(string(d.Body))
		a.take(number, last)
		if err := d.Ack(false); err != nil {
			return err
		}
		a.settle([]int{number})
		last = number
	}
}

func declare(url string) error {
	c, err := amqp.Dial(url)
	if err != nil {
		return err
	}
	defer c.Close()
	ch, err := c.Channel()
	if err != nil {
		return err
	}
	_, err = ch.QueueDeclare(queue, true, false, false, false, nil)
	return err
}

// awaitTraffic returns when both sides have moved since the counts given.
func (a *account) awaitTraffic(confirmed, consumed int) bool {
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if _, p, c := a.counts(); p > confirmed+window && c > consumed+prefetch {
			return true
		}
		time.Sleep(time.Millisecond)
	}
	return false
}

// round lets both sides work and then kills and restarts the broker.
func round(n int, b *broker, a *account, random *rand.Rand) error {
	_, confirmed, consumed := a.counts()
	if !a.awaitTraffic(confirmed, consumed) {
		return fmt.Errorf("round %d: publishing or consuming does not go on", n)
	}
	time.Sleep(time.Duration(random.Intn(700)) * time.Millisecond)
	b.stop(syscall.SIGKILL)
	published, confirmed, consumed := a.counts()
	fmt.Printf("kill %2d: %d published, %d confirmed, %d consumed\n",
		n, published, confirmed, consumed)
	return b.start()
}

func play(b *broker, a *account, kills int, random *rand.Rand) error {
	if err := b.start(); err != nil {
		return err
	}
	if err := declare(b.url()); err != nil {
		return err
	}
	stopPublishing, stopConsuming := make(chan struct{}), make(chan struct{})
	var publisher, consumer sync.WaitGroup
	publisher.Add(1)
	consumer.Add(1)
	go func() {
		defer publisher.Done()
		session(b, stopPublishing, func(ch *amqp.Channel) { a.publish(ch, stopPublishing) })
	}()
	go func() {
		defer consumer.Done()
		session(b, stopConsuming, func(ch *amqp.Channel) { a.consume(ch, stopConsuming) })
	}()
	var err error
	for n := 1; n <= kills && err == nil; n++ {
		err = round(n, b, a, random)
	}
	close(stopPublishing)
	publisher.Wait()
	close(stopConsuming)
	consumer.Wait()
	if err != nil {
		return err
	}
	return a.drain(b.url())
}

type totals struct{ passed, failed int }

func (t *totals) hold(what string, truth bool, why string) {
	if truth {
		fmt.Println("ok    ", what)
		t.passed++
	} else {
		fmt.Printf("FAILED %s: %s\n", what, why)
		t.failed++
	}
}

func argument(n, otherwise int) int {
	if len(os.Args) > n {
		if value, err := strconv.Atoi(os.Args[n]); err == nil {
			return value
		}
	}
	return otherwise
}

func main() {
	kills, seed := argument(2, 10), argument(3, int(time.Now().UnixNano()%1e9))
	folder, err := os.MkdirTemp("", "leveret-restart-")
	if err != nil {
		panic(err)
	}
	runtime.LockOSThread() // the broker dies with the thread that started it
	fmt.Printf("amqp091-go, %d kills, seed %d\n", kills, seed)
	b, a, t := &broker{program: os.Args[1], folder: folder}, newAccount(), totals{}
	err = play(b, a, kills, rand.New(rand.NewSource(int64(seed))))
	t.hold(fmt.Sprintf("%d kills survived", kills), err == nil, fmt.Sprint(err))
	missing := a.missing()
	t.hold("nothing confirmed is missing", len(missing) == 0 && err == nil,
		fmt.Sprintf("%d missing, e.g. %v", len(missing), missing[:min(len(missing), 5)]))
	t.hold("nothing is out of order", len(a.disorder) == 0,
		fmt.Sprintf("%d times, e.g. %v", len(a.disorder), a.disorder[:min(len(a.disorder), 5)]))
	t.hold("every publish is confirmed", len(a.stalled) == 0,
		fmt.Sprintf("not so: %v", a.stalled))
	if b.process != nil && b.process.ProcessState == nil {
		why := b.stop(syscall.SIGTERM)
		t.hold("SIGTERM ends the broker with 0", why == nil, fmt.Sprint(why))
	}
	published, confirmed, consumed := a.counts()
	fmt.Printf("%d published, %d confirmed, %d deliveries\n", published, confirmed, consumed)
	if t.failed == 0 {
		os.RemoveAll(folder)
	} else {
		fmt.Println("left for a look:", folder)
	}
	fmt.Printf("%d passed, %d failed\n", t.passed, t.failed)
	if t.failed > 0 {
		os.Exit(1)
	}
}
