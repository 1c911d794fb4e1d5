package operator

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nomadlike/nomadlike/command/meta"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// fingerprints answers with one fingerprint after the other, each "index hash";
// the last one goes on answering.
func fingerprints(t *testing.T, answers ...string) string {
	t.Helper()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := min(int(asked.Add(1)), len(answers))
		index, hash, _ := strings.Cut(answers[n-1], " ")
		if r.URL.Path != "/v1/status/fingerprint" || index == "error" {
			http.Error(w, "no fingerprint", http.StatusInternalServerError)
			return
		}
		fmt.Fprintf(w, `{"Index":%s,"Fingerprint":%q}`, index, hash)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name     string
		servers  [][]string
		code     int
		contains string
	}{
		{"equal", [][]string{{"7 aa"}, {"7 aa"}, {"7 aa"}}, 0, "3 servers, one state at index 7"},
		{"equal in the end", [][]string{{"7 aa", "9 cc"}, {"8 bb", "9 cc"}}, 0, "2 servers, one state at index 9"},
		{"equal when one lags", [][]string{{"7 aa", "8 bb", "9 cc"}, {"6 zz", "7 aa"}}, 0, "2 servers, one state at index 7"},
		{"different", [][]string{{"7 aa"}, {"7 ab"}}, 2, "disagree at index 7"},
		{"never the same index", [][]string{{"7 aa"}, {"8 bb"}}, 1, "could not be compared"},
		{"one does not answer", [][]string{{"7 aa"}, {"error"}}, 1, "did not answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			m := &meta.Meta{Out: &out, Err: &out, Getenv: func(string) string { return "" }, Now: time.Now,
				Pause: func(context.Context, time.Duration) error { return nil }}
			var args []string
			for _, answers := range c.servers {
				args = append(args, fingerprints(t, answers...))
			}
			command, err := Commands(m)["operator check"]()
			if err != nil {
				t.Fatal(err)
			}
			if code := command.Run(args); code != c.code || !strings.Contains(out.String(), c.contains) {
				t.Errorf("code %d\n%s\nwant code %d and %q", code, &out, c.code, c.contains)
			}
		})
	}
}

func TestMemberAddress(t *testing.T) {
	for _, c := range []struct{ own, tag, want string }{
		{"https://10.0.0.1:4646", "", "https://10.0.0.9:4646"},
		{"http://proxy", "", "http://10.0.0.9"},
		{"http://10.0.0.1:4646", "10.0.0.9:14646", "http://10.0.0.9:14646"},
	} {
		own, err := url.Parse(c.own)
		if err != nil {
			t.Fatal(err)
		}
		m := &nl.ServerMember{Addr: "10.0.0.9", Tags: map[string]string{"http_addr": c.tag}}
		if got := memberAddress(m, own); got != c.want {
			t.Errorf("beside %s with tag %q: got %s, want %s", c.own, c.tag, got, c.want)
		}
	}
}
