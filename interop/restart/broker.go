// broker.go - starts the broker and kills it.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

type broker struct {
	program string
	folder  string // for its data, its log and its port
	port    int    // 0 before the first start, then always the same
	process *exec.Cmd
}

func (b *broker) url() string {
	return fmt.Sprintf("amqp://guest:guest@127.0.0.1:%d/%%2f", b.port)
}

// start returns once the broker accepts connections.
func (b *broker) start() error {
	portFile := filepath.Join(b.folder, "port")
	os.Remove(portFile)
	log, err := os.OpenFile(filepath.Join(b.folder, "log"),
		os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	b.process = exec.Command(b.program, "-p", fmt.Sprint(b.port),
		"--port-file", portFile, "-d", filepath.Join(b.folder, "data"))
	b.process.Stdout, b.process.Stderr = log, log
	b.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := b.process.Start(); err != nil {
		return err
	}
	return b.awaitPort(portFile)
}

func (b *broker) awaitPort(portFile string) error {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		line, _ := os.ReadFile(portFile)
		if strings.HasSuffix(string(line), "\n") {
			_, err := fmt.Sscanf(string(line), "amqp %d", &b.port)
			return err
		}
		time.Sleep(2 * time.Millisecond)
	}
	b.stop(syscall.SIGKILL)
	return fmt.Errorf("%s did not begin to accept", b.program)
}

func (b *broker) stop(signal syscall.Signal) error {
	b.process.Process.Signal(signal)
	return b.process.Wait()
}
