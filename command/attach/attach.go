// Package attach joins a terminal to a command that runs in a task: keys and
// window sizes go over a WebSocket, output and the exit code come back. The
// commands that run something in a task call it. It never decides which
// allocation or task that is.
package attach

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/coder/websocket"

	"github.com/nomadlike/nomadlike/command/apiclient"
)

const (
	// heartbeatEvery keeps the ways between from closing a quiet connection.
	heartbeatEvery = 10 * time.Second
	// inputMax bounds, in bytes, how much input one message carries.
	inputMax = 32 << 10
	// heldMax is how many messages of input wait for the connection.
	heldMax = 16
)

// Session is one command to run and what it is joined to.
type Session struct {
	Path   string // the route of the WebSocket
	Query  *apiclient.Query
	Stdin  io.Reader // nil gives the command no input
	Stdout io.Writer
	Stderr io.Writer

	Terminal Terminal // nil without a terminal at both ends
	Escape   byte     // typed at a line's start before a dot it ends the session; 0 is none
}

// ErrLeft tells that the person ended the session, not the command.
var ErrLeft = errors.New("the session was closed by its escape sequence; the command was ended")

type message struct {
	Stdin *data `json:"stdin,omitempty"`
	Size  *size `json:"tty_size,omitempty"`
}

type data struct {
	Data  []byte `json:"data,omitempty"`
	Close bool   `json:"close,omitempty"`
}

type size struct {
	Height int `json:"height"`
	Width  int `json:"width"`
}

type answer struct {
	Stdout *data `json:"stdout"`
	Stderr *data `json:"stderr"`
	Exited bool  `json:"exited"`
	Result *struct {
		ExitCode int `json:"exit_code"`
	} `json:"result"`
}

// Run runs the command to its end and returns its exit code.
func (s *Session) Run(ctx context.Context, client *apiclient.Client) (int, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	conn, err := client.Dial(ctx, s.Path, s.Query)
	if err != nil {
		return 0, err
	}
	defer conn.CloseNow()
	var resized <-chan struct{}
	if s.Terminal != nil {
		restore, err := s.Terminal.Raw()
		if err != nil {
			return 0, fmt.Errorf("the terminal cannot be switched to raw mode (run with -t=false): %w", err)
		}
		defer restore()
		resized = s.Terminal.Resized(ctx)
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		if err := s.send(ctx, conn, s.read(ctx), resized); err != nil {
			stop(err)
		}
	}()
	code, err := s.receive(ctx, conn)
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, ErrLeft) {
		err = ErrLeft
	}
	if err == nil {
		conn.Close(websocket.StatusNormalClosure, "")
	}
	stop(nil)
	<-sent
	return code, err
}

// read passes input on in pieces. Reading a terminal cannot be interrupted:
// the goroutine may outlive the session by one read.
func (s *Session) read(ctx context.Context) <-chan message {
	out := make(chan message, heldMax)
	if s.Stdin == nil {
		out <- message{Stdin: &data{Close: true}}
		return out
	}
	go func() {
		for {
			buf := make([]byte, inputMax)
			n, err := s.Stdin.Read(buf)
			var next []message
			if n > 0 {
				next = append(next, message{Stdin: &data{Data: buf[:n]}})
			}
			if err != nil {
				next = append(next, message{Stdin: &data{Close: true}})
			}
			for _, m := range next {
				select {
				case out <- m:
				case <-ctx.Done():
					return
				}
			}
			if err != nil {
				return
			}
		}
	}()
	return out
}

// send writes input, sizes and heartbeats until ctx ends or the person leaves.
// That the connection has ended is told by what is received from it.
func (s *Session) send(ctx context.Context, conn *websocket.Conn, input <-chan message, resized <-chan struct{}) error {
	escape := escaper{}
	if s.Terminal != nil {
		escape.char = s.Escape
		s.sendSize(ctx, conn)
	}
	heartbeat := time.NewTicker(heartbeatEvery)
	defer heartbeat.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-resized:
			s.sendSize(ctx, conn)
		case <-heartbeat.C:
			write(ctx, conn, message{})
		case m := <-input:
			leave := false
			if len(m.Stdin.Data) > 0 {
				m.Stdin.Data, leave = escape.feed(m.Stdin.Data)
			}
			if len(m.Stdin.Data) > 0 || m.Stdin.Close {
				write(ctx, conn, m)
			}
			if leave {
				return ErrLeft
			}
		}
	}
}

// sendSize tells the size of the window; the command keeps the size it has
// when that is not known.
func (s *Session) sendSize(ctx context.Context, conn *websocket.Conn) {
	height, width, err := s.Terminal.Size()
	if err == nil && height > 0 && width > 0 {
		write(ctx, conn, message{Size: &size{Height: height, Width: width}})
	}
}

func write(ctx context.Context, conn *websocket.Conn, m message) {
	if raw, err := json.Marshal(m); err == nil {
		_ = conn.Write(ctx, websocket.MessageText, raw)
	}
}

// receive writes output until the command has ended.
func (s *Session) receive(ctx context.Context, conn *websocket.Conn) (int, error) {
	for {
		_, raw, err := conn.Read(ctx)
		if err != nil {
			return 0, endError(err)
		}
		var a answer
		if err := json.Unmarshal(raw, &a); err != nil {
			return 0, fmt.Errorf("the agent sent a message that is not understood: %w", err)
		}
		if err := output(s.Stdout, a.Stdout); err != nil {
			return 0, err
		}
		if err := output(s.Stderr, a.Stderr); err != nil {
			return 0, err
		}
		if a.Exited {
			if a.Result == nil {
				return 0, nil
			}
			return a.Result.ExitCode, nil
		}
	}
}

func output(w io.Writer, d *data) error {
	if d == nil || len(d.Data) == 0 {
		return nil
	}
	_, err := w.Write(d.Data)
	return err
}

// endError tells why a connection ended before the command did.
func endError(err error) error {
	var closed websocket.CloseError
	if errors.As(err, &closed) && closed.Reason != "" {
		return errors.New(closed.Reason)
	}
	return fmt.Errorf("the connection ended before the command: %w", err)
}
