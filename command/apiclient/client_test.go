package apiclient

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/nomadlike/nomadlike/nomadlike/query"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newClient(t *testing.T, config Config) *Client {
	t.Helper()
	c, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestCall_SendsWhatItIsConfiguredWith(t *testing.T) {
	var seen *http.Request
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen = r
		w.Header().Set("X-Nomad-Index", "7")
		w.Header().Set("X-Nomad-LastContact", "12")
		w.Header().Set("X-Nomad-KnownLeader", "true")
		w.Header().Set("X-Nomad-NextToken", "next")
		w.Write([]byte(`["a"]`))
	})
	c := newClient(t, Config{Address: url + "/base/", Region: "r", Namespace: "n", Token: "secret", Auth: &BasicAuth{"u", "p"}})
	got, meta, err := Get[[]string](context.Background(), c, "/v1/job/a%2Fb?own=1", &Query{
		Namespace: "*", Stale: true, MinIndex: 5, MaxWait: 1500 * time.Millisecond, Prefix: "p", Filter: "f", PerPage: 3,
		NextToken: "t", Reverse: true, Params: map[string]string{"x": "y z"}, Headers: map[string]string{"X-Extra": "e"},
	})
	if err != nil || len(got) != 1 || got[0] != "a" {
		t.Fatalf("got %v, %v", got, err)
	}
	if want := (Meta{Index: 7, LastContact: 12 * time.Millisecond, KnownLeader: true, NextToken: "next"}); *meta != want {
		t.Errorf("meta %+v, want %+v", *meta, want)
	}
	want := "/base/v1/job/a%2Fb?filter=f&index=5&namespace=%2A&next_token=t&own=1&per_page=3&prefix=p&region=r&reverse=true&stale=&wait=1500ms&x=y+z"
	if seen.RequestURI != want {
		t.Errorf("asked for\n%s, want\n%s", seen.RequestURI, want)
	}
	user, password, _ := seen.BasicAuth()
	if seen.Header.Get("X-Nomad-Token") != "secret" || user != "u" || password != "p" || seen.Header.Get("X-Extra") != "e" {
		t.Errorf("headers: %v", seen.Header)
	}
}

func TestCall_Bodies(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/empty":
		case "/gzip":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			z.Write([]byte(`"packed"`))
			z.Close()
		case "/echo":
			var v any
			json.NewDecoder(r.Body).Decode(&v)
			json.NewEncoder(w).Encode(v)
		case "/broken":
			w.Write([]byte(`{`))
		case "/error":
			http.Error(w, "no\n", http.StatusTeapot)
		}
	})
	c := newClient(t, Config{Address: url})
	ctx := context.Background()
	if v, _, err := Get[[]string](ctx, c, "/empty", nil); v != nil || err != nil {
		t.Errorf("empty: %v, %v", v, err)
	}
	if v, _, err := Get[string](ctx, c, "/gzip", nil); v != "packed" || err != nil {
		t.Errorf("gzip: %v, %v", v, err)
	}
	if v, _, err := Put[map[string]int](ctx, c, "/echo", map[string]int{"a": 1}, nil); v["a"] != 1 || err != nil {
		t.Errorf("object: %v, %v", v, err)
	}
	if v, _, err := Put[string](ctx, c, "/echo", strings.NewReader(`"raw"`), nil); v != "raw" || err != nil {
		t.Errorf("reader: %v, %v", v, err)
	}
	if v, _, err := Get[json.RawMessage](ctx, c, "/gzip", nil); string(v) != `"packed"` || err != nil {
		t.Errorf("raw: %s, %v", v, err)
	}
	if _, _, err := Get[any](ctx, c, "/broken", nil); err == nil || CodeOf(err) != 0 {
		t.Errorf("broken: %v", err)
	}
	_, _, err := Get[any](ctx, c, "/error", nil)
	if err == nil || err.Error() != "Unexpected response code: 418 (no)" || CodeOf(err) != 418 {
		t.Errorf("error: %v", err)
	}
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &httptest.Server{Listener: listener, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte(`"` + r.URL.Path + `"`))
	})}}
	s.Start()
	t.Cleanup(s.Close)
	c := newClient(t, Config{Address: "unix://" + path})
	if v, _, err := Get[string](context.Background(), c, "/v1/x", nil); v != "/v1/x" || err != nil {
		t.Errorf("got %q, %v", v, err)
	}
}

func TestNobodyThere(t *testing.T) {
	c := newClient(t, Config{Address: "unix:///nonexistent/socket"})
	_, _, err := Get[string](context.Background(), c, "/v1/x", nil)
	var unreachable *UnreachableError
	if !errors.As(err, &unreachable) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := Get[string](ctx, c, "/v1/x", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("after cancelling: %v", err)
	}
}

func TestTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`"ok"`)) }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are wanted here
	s.StartTLS()
	t.Cleanup(s.Close)
	dir := t.TempDir()
	file := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		tls  TLS
		good bool
	}{
		"unknown":     {},
		"file":        {TLS{CACert: file}, true},
		"directory":   {TLS{CAPath: dir}, true},
		"other name":  {TLS{CACert: file, ServerName: "other.test"}, false},
		"right name":  {TLS{CACert: file, ServerName: "example.com"}, true},
		"not checked": {TLS{SkipVerify: true}, true},
	} {
		client := newClient(t, Config{Address: s.URL, TLS: c.tls})
		_, _, err := Get[string](context.Background(), client, "/", nil)
		if (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, bad := range map[string]TLS{
		"no such file": {CACert: filepath.Join(dir, "none")}, "no such directory": {CAPath: filepath.Join(dir, "none")},
		"half a pair": {ClientCert: file}, "not a pair": {ClientCert: file, ClientKey: file},
	} {
		if _, err := New(Config{Address: s.URL, TLS: bad}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestAddresses(t *testing.T) {
	for _, bad := range []string{"127.0.0.1:4646", "ftp://x", "host", "http://a b"} {
		if _, err := New(Config{Address: bad}); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestFromEnv(t *testing.T) {
	env := map[string]string{
		"NOMAD_ADDR": "https://x", "NOMAD_REGION": "r", "NOMAD_NAMESPACE": "n", "NOMAD_TOKEN": "t", "NOMAD_CACERT": "a",
		"NOMAD_CAPATH": "b", "NOMAD_CLIENT_CERT": "c", "NOMAD_CLIENT_KEY": "d", "NOMAD_TLS_SERVER_NAME": "e",
		"NOMAD_SKIP_VERIFY": "1", "NOMAD_HTTP_AUTH": "user:pass:word",
	}
	got, err := FromEnv(func(k string) string { return env[k] })
	if err != nil {
		t.Fatal(err)
	}
	if *got.Auth != (BasicAuth{"user", "pass:word"}) {
		t.Errorf("auth %+v", got.Auth)
	}
	got.Auth = nil
	want := Config{Address: "https://x", Region: "r", Namespace: "n", Token: "t", TLS: TLS{
		CACert: "a", CAPath: "b", ClientCert: "c", ClientKey: "d", ServerName: "e", SkipVerify: true,
	}}
	if got != want {
		t.Errorf("got %+v", got)
	}
	env["NOMAD_SKIP_VERIFY"] = "perhaps"
	if _, err := FromEnv(func(k string) string { return env[k] }); err == nil {
		t.Error("NOMAD_SKIP_VERIFY=perhaps was accepted")
	}
}

func TestFrames(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte(`{}{"Data":"aGk=","File":"f"}` + "\n" + `{}{"FileEvent":"file deleted"}`))
	})
	c := newClient(t, Config{Address: url})
	var got []string
	err := c.Frames(context.Background(), "/", nil, func(f query.Frame) error {
		got = append(got, string(f.Data)+"|"+f.FileEvent)
		return nil
	})
	if err != nil || strings.Join(got, ",") != "hi|,|file deleted" {
		t.Errorf("got %q, %v", got, err)
	}
	stop := errors.New("enough")
	if err := c.Frames(context.Background(), "/", nil, func(query.Frame) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("stopped with %v", err)
	}
}

func TestDial(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Nomad-Token") != "secret" {
			http.Error(w, "Permission denied", http.StatusForbidden)
			return
		}
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		conn.Write(r.Context(), websocket.MessageText, []byte(r.URL.Query().Get("task")))
		conn.Close(websocket.StatusNormalClosure, "")
	})
	ctx := context.Background()
	conn, err := newClient(t, Config{Address: url, Token: "secret"}).Dial(ctx, "/exec", &Query{Params: map[string]string{"task": "web"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	if _, text, err := conn.Read(ctx); err != nil || string(text) != "web" {
		t.Errorf("read %q, %v", text, err)
	}
	_, err = newClient(t, Config{Address: url}).Dial(ctx, "/exec", nil)
	if CodeOf(err) != http.StatusForbidden {
		t.Errorf("without a token: %v", err)
	}
}
