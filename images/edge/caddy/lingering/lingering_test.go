package lingering

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

const answer = "too long"

// generous are limits that no test of this file reaches by accident.
var generous = Bounds{Bytes: 1 << 30, Time: time.Minute, Idle: time.Minute, AtOnce: 8}

// pair returns a client, and the server's connection to it.
func pair(t *testing.T, listener net.Listener) (client, server net.Conn) {
	t.Helper()
	client, err := new(net.Dialer).DialContext(t.Context(), "tcp4", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	server, err = listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return client, server
}

func listen(t *testing.T, bounds Bounds) net.Listener {
	t.Helper()
	inner, err := new(net.ListenConfig).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = inner.Close() })
	return NewListener(inner, bounds)
}

// refuse responds and closes, without reading.
func refuse(t *testing.T, server net.Conn) {
	t.Helper()
	if _, err := io.WriteString(server, answer); err != nil {
		t.Fatal(err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
}

// send writes n bytes, and returns how many were accepted.
func send(client net.Conn, n int) (sent int, err error) {
	part := bytes.Repeat([]byte{'x'}, 64<<10)
	for sent < n && err == nil {
		var m int
		m, err = client.Write(part)
		sent += m
	}
	return sent, err
}

func TestAClientThatSendsAllBeforeItReadsGetsTheAnswer(t *testing.T) {
	client, server := pair(t, listen(t, generous))
	refuse(t, server)
	if _, err := send(client, 64<<20); err != nil {
		t.Fatalf("got %v, want all of it sent", err)
	}
	if got, err := io.ReadAll(client); string(got) != answer || err != nil {
		t.Fatalf("got %q and %v, want the answer to its end", got, err)
	}
}

func TestNoMoreThanTheBoundIsRead(t *testing.T) {
	bounds := generous
	bounds.Bytes = 8 << 20
	client, server := pair(t, listen(t, bounds))
	refuse(t, server)
	sent, err := send(client, 1<<30)
	// The rest is in the buffers of the two kernels.
	if err == nil || sent < 8<<20 || sent > 64<<20 {
		t.Fatalf("got %d bytes sent and %v, want an error soon after 8 MiB", sent, err)
	}
}

func TestASlowClientIsCutOffInTime(t *testing.T) {
	bounds := generous
	bounds.Time = 300 * time.Millisecond
	client, server := pair(t, listen(t, bounds))
	refuse(t, server)
	begin := time.Now()
	for time.Since(begin) < 20*time.Second {
		if _, err := client.Write([]byte{'x'}); err != nil {
			if took := time.Since(begin); took < bounds.Time/2 {
				t.Fatalf("cut off after %s, want %s", took, bounds.Time)
			}
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("a client that sends a byte every 10 ms is not cut off")
}

func TestASilentClientIsCutOffBeforeASlowOne(t *testing.T) {
	bounds := generous
	bounds.Idle, bounds.AtOnce = 200*time.Millisecond, 1
	listener := listen(t, bounds)
	_, server := pair(t, listener)
	refuse(t, server)
	wait(t, func() bool { return len(listener.(*Listener).places) == 0 })
}

func TestMoreThanThePlacesAreClosedAtOnce(t *testing.T) {
	bounds := generous
	bounds.AtOnce = 1
	listener := listen(t, bounds)
	first, one := pair(t, listener)
	second, two := pair(t, listener)
	refuse(t, one)
	refuse(t, two)
	if _, err := send(second, 64<<20); err == nil {
		t.Error("the second connection lingers, want one place")
	}
	if _, err := send(first, 64<<20); err != nil {
		t.Errorf("the first connection: %v", err)
	}
}

func TestAClosedClientUsesNoSlot(t *testing.T) {
	listener := listen(t, generous)
	client, server := pair(t, listener)
	_ = client.Close()
	if _, err := server.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Fatalf("got %v, want the client's end", err)
	}
	if err := server.Close(); err != nil || len(listener.(*Listener).places) != 0 {
		t.Fatalf("got %v and %d places taken, want none", err, len(listener.(*Listener).places))
	}
}

func TestASecondCloseIsAnError(t *testing.T) {
	_, server := pair(t, listen(t, generous))
	refuse(t, server)
	if err := server.Close(); !errors.Is(err, net.ErrClosed) {
		t.Fatalf("got %v, want %v", err, net.ErrClosed)
	}
}

func wait(t *testing.T, done func() bool) {
	t.Helper()
	for range 1000 {
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("not within 10 s")
}
