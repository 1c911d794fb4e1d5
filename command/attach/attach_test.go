package attach

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/nomadlike/nomadlike/command/apiclient"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEscape(t *testing.T) {
	for _, c := range []struct {
		name, in, out string
		char          byte
		leave         bool
	}{
		{"plain", "ls\r", "ls\r", '~', false},
		{"leave", "ls\r~.rest", "ls\r", '~', true},
		{"leave at once", "~.", "", '~', true},
		{"in the middle of a line", "a~.", "a~.", '~', false},
		{"something else", "~x", "~x", '~', false},
		{"twice", "~~.", "~.", '~', false},
		{"after a line feed", "a\n~.", "a\n", '~', true},
		{"another character", "~.\r%.", "~.\r", '%', true},
		{"none", "~.", "~.", 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			// However the keys arrive, the outcome is the same.
			for _, step := range []int{1, len(c.in)} {
				e, out, leave := escaper{char: c.char}, "", false
				for at := 0; at < len(c.in) && !leave; at += step {
					var part []byte
					part, leave = e.feed([]byte(c.in[at : at+step]))
					out += string(part)
				}
				if out != c.out || leave != c.leave {
					t.Errorf("steps of %d: got %q, %v; want %q, %v", step, out, leave, c.out, c.leave)
				}
			}
		})
	}
}

// fakeTerminal is a terminal that never changes.
type fakeTerminal struct{ restored bool }

func (f *fakeTerminal) Raw() (func(), error)                    { return func() { f.restored = true }, nil }
func (f *fakeTerminal) Size() (int, int, error)                 { return 24, 80, nil }
func (f *fakeTerminal) Resized(context.Context) <-chan struct{} { return nil }

// serve answers a WebSocket with f and returns a client for it.
func serve(t *testing.T, f func(ctx context.Context, conn *websocket.Conn)) *apiclient.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.CloseNow()
		f(r.Context(), conn)
	}))
	t.Cleanup(server.Close)
	client, err := apiclient.New(apiclient.Config{Address: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// received reads messages until one closes the input.
func received(ctx context.Context, conn *websocket.Conn) (input string, sizes []size) {
	for {
		_, raw, err := conn.Read(ctx)
		if err != nil {
			return input, sizes
		}
		var m message
		if json.Unmarshal(raw, &m) != nil {
			return input + "not understood", sizes
		}
		if m.Size != nil {
			sizes = append(sizes, *m.Size)
		}
		if m.Stdin != nil {
			input += string(m.Stdin.Data)
			if m.Stdin.Close {
				return input, sizes
			}
		}
	}
}

func TestSession(t *testing.T) {
	client := serve(t, func(ctx context.Context, conn *websocket.Conn) {
		input, sizes := received(ctx, conn)
		if len(sizes) != 1 || sizes[0] != (size{Height: 24, Width: 80}) {
			t.Errorf("sizes %v", sizes)
		}
		for _, text := range []string{`{}`, `{"stderr":{"data":"` + "d2FybmluZw==" + `"}}`, `{"stdout":{"close":true}}`} {
			conn.Write(ctx, websocket.MessageText, []byte(text))
		}
		out, _ := json.Marshal(map[string]any{"stdout": data{Data: []byte("echo " + input)}})
		conn.Write(ctx, websocket.MessageText, out)
		conn.Write(ctx, websocket.MessageText, []byte(`{"exited":true,"result":{"exit_code":7}}`))
		conn.Read(ctx)
	})
	var stdout, stderr bytes.Buffer
	term := &fakeTerminal{}
	s := &Session{Path: "/x", Stdin: strings.NewReader("hello"), Stdout: &stdout, Stderr: &stderr, Terminal: term, Escape: '~'}
	code, err := s.Run(t.Context(), client)
	if err != nil || code != 7 {
		t.Fatalf("code %d, error %v", code, err)
	}
	if stdout.String() != "echo hello" || stderr.String() != "warning" {
		t.Errorf("stdout %q, stderr %q", &stdout, &stderr)
	}
	if !term.restored {
		t.Error("the terminal was left in raw mode")
	}
}

func TestSuccessHasNoCode(t *testing.T) {
	client := serve(t, func(ctx context.Context, conn *websocket.Conn) {
		if input, _ := received(ctx, conn); input != "" {
			t.Errorf("input %q", input)
		}
		conn.Write(ctx, websocket.MessageText, []byte(`{"exited":true,"result":{}}`))
		conn.Read(ctx)
	})
	code, err := (&Session{Path: "/x", Stdout: io.Discard, Stderr: io.Discard}).Run(t.Context(), client)
	if code != 0 || err != nil {
		t.Fatalf("code %d, error %v", code, err)
	}
}

func TestReasonOfTheEnd(t *testing.T) {
	client := serve(t, func(ctx context.Context, conn *websocket.Conn) {
		conn.Close(websocket.StatusInternalError, `task "x" is not running.`)
	})
	_, err := (&Session{Path: "/x", Stdout: io.Discard, Stderr: io.Discard}).Run(t.Context(), client)
	if err == nil || err.Error() != `task "x" is not running.` {
		t.Fatalf("error %v", err)
	}
}

func TestLeaving(t *testing.T) {
	client := serve(t, func(ctx context.Context, conn *websocket.Conn) {
		if input, _ := received(ctx, conn); input != "ls\r" {
			t.Errorf("input %q", input)
		}
	})
	keys, typed := io.Pipe()
	t.Cleanup(func() { typed.Close() })
	go typed.Write([]byte("ls\r~."))
	s := &Session{Path: "/x", Stdin: keys, Stdout: io.Discard, Stderr: io.Discard, Terminal: &fakeTerminal{}, Escape: '~'}
	if _, err := s.Run(t.Context(), client); !errors.Is(err, ErrLeft) {
		t.Fatalf("error %v", err)
	}
}

func TestRefused(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	client, err := apiclient.New(apiclient.Config{Address: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	_, err = (&Session{Path: "/x", Stdout: io.Discard, Stderr: io.Discard}).Run(t.Context(), client)
	if apiclient.CodeOf(err) != http.StatusNotFound {
		t.Fatalf("error %v", err)
	}
}
