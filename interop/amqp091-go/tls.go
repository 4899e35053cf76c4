// tls.go - the list of TLS cases in amqp091-go.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	amqp "github.com/rabbitmq/amqp091-go"
)

var (
	folder string            // of the certificates, and of the file with
	ports  map[string]string // the brokers' ports by name
)

// way is how a client comes in; what is empty is as usual.
type way struct {
	broker, authority, client, user string
	version                         uint16
}

var tlsCases = []namedCase{
	{"TLS 1.2", func(p *play) { p.speaks(tls.VersionTLS12) }},
	{"TLS 1.3", func(p *play) { p.speaks(tls.VersionTLS13) }},
	{"a broker of another authority is left",
		func(p *play) { p.keptOut(way{authority: "stranger"}) }},
	{"a client with a certificate is let in",
		func(p *play) { p.letIn(way{broker: "subject", client: "client"}) }},
	{"a client without a certificate is not",
		func(p *play) { p.keptOut(way{broker: "subject"}) }},
	{"a certificate of another authority is refused",
		func(p *play) { p.keptOut(way{broker: "subject", client: "forged"}) }},
	{"EXTERNAL by the subject", func(p *play) {
		p.letIn(way{broker: "subject", client: "client", user: "CN=anna,O=Team"})
	}},
	{"EXTERNAL by the common name", func(p *play) {
		p.letIn(way{broker: "common_name", client: "client", user: "anna"})
	}},
	{"EXTERNAL by an alternative name", func(p *play) {
		p.letIn(way{broker: "alternative", client: "client", user: "anna.example"})
	}},
	{"body of 1 MiB", func(p *play) { p.body(1 << 20) }},
	{"body of 32 MiB", func(p *play) { p.body(32 << 20) }},
	{"20000 messages", func(p *play) { p.messages(20000) }},
}

func useTLS(path string) error {
	folder = path
	ports = map[string]string{}
	text, err := os.ReadFile(folder + "/ports")
	for _, line := range bytes.Split(text, []byte("\n")) {
		if name, port, found := bytes.Cut(line, []byte(" ")); found {
			ports[string(name)] = string(port)
		}
	}
	dial = func() (*amqp.Connection, error) { return way{}.dial() }
	return err
}

func (w way) config() (*tls.Config, error) {
	if w.authority == "" {
		w.authority = "ca"
	}
	trusted, err := os.ReadFile(folder + "/" + w.authority + ".pem")
	if err != nil {
		return nil, err
	}
	config := &tls.Config{
		RootCAs: x509.NewCertPool(), MinVersion: w.version, MaxVersion: w.version}
	config.RootCAs.AppendCertsFromPEM(trusted)
	if w.client != "" {
		own, err := tls.LoadX509KeyPair(
			folder+"/"+w.client+".pem", folder+"/"+w.client+".key")
		if err != nil {
			return nil, err
		}
		// Whatever authorities the broker says it knows.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (
			*tls.Certificate, error) {
			return &own, nil
		}
	}
	return config, nil
}

func (w way) dial() (*amqp.Connection, error) {
	if w.broker == "" {
		w.broker = "plain"
	}
	config, err := w.config()
	if err != nil {
		return nil, err
	}
	url := fmt.Sprintf("amqps://guest:guest@localhost:%s/", ports[w.broker])
	if w.user == "" {
		return amqp.DialTLS(url, config)
	}
	return amqp.DialTLS_ExternalAuth(url, config)
}

// letIn holds that the broker confirms what says to be from the user: it does
// so only if that is who is logged in.
func (p *play) letIn(w way) {
	c, err := w.dial()
	p.must(err)
	defer c.Close()
	ch := p.channel(c)
	p.must(ch.Confirm(false))
	m := durable("m")
	if m.UserId = w.user; m.UserId == "" {
		m.UserId = "guest"
	}
	p.confirmed(ch, "amq.fanout", "", m)
}

func (p *play) keptOut(w way) {
	if c, err := w.dial(); err == nil {
		c.Close()
		p.fail("it was let in")
	}
}

func (p *play) speaks(version uint16) {
	w := way{version: version}
	c, err := w.dial()
	p.must(err)
	defer c.Close()
	equal(p, "version", c.ConnectionState().Version, version)
	p.letIn(w)
}
