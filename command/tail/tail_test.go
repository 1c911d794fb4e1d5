package tail

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/nomadlike/nomadlike/command/apiclient"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLastOf(t *testing.T) {
	for _, c := range []struct {
		text  string
		lines int
		want  string
	}{
		{"a\nb\nc\n", 2, "b\nc\n"},
		{"a\nb\nc", 2, "b\nc"},
		{"a\nb\n", 5, "a\nb\n"},
		{"a\n\n\n", 2, "\n\n"},
		{"a\nb\n", 0, ""},
		{"", 3, ""},
		{"\n", 1, "\n"},
	} {
		if got := string(lastOf([]byte(c.text), c.lines)); got != c.want {
			t.Errorf("%d of %q: got %q, want %q", c.lines, c.text, got, c.want)
		}
	}
}

// TestFollowing shows that what was there is cut and what comes is not.
func TestFollowing(t *testing.T) {
	for _, c := range []struct {
		name        string
		cut         cut
		first, then string
	}{
		{"a pause ends what was there", cut{lines: 2, quiet: historyQuiet, history: 1000}, "b\nc\n", "b\nc\nd\ne\nf\n"},
		{"enough ends what was there", cut{lines: 2, quiet: historyQuiet, history: 6}, "b\nc\n", "b\nc\nd\ne\nf\n"},
		{"only the end does", cut{lines: 2}, "", "e\nf\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out strings.Builder
				c.cut.to, c.cut.holding = &out, true
				data, ended, done := make(chan []byte), make(chan error), make(chan error)
				go func() { done <- c.cut.copy(data, ended) }()
				data <- []byte("a\nb\n")
				data <- []byte("c\n")
				time.Sleep(2 * historyQuiet)
				synctest.Wait()
				if out.String() != c.first {
					t.Errorf("at first %q", &out)
				}
				data <- []byte("d\ne\nf\n")
				ended <- nil
				if err := <-done; err != nil || out.String() != c.then {
					t.Errorf("then %q, error %v", &out, err)
				}
			})
		})
	}
}

var errFull = errors.New("full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestFullOutput(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"Data":"YQpiCg=="}`)
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	client, err := apiclient.New(apiclient.Config{Address: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	for _, o := range []*Options{{lines: unset, bytes: unset}, {lines: unset, bytes: 3}, {tail: true, lines: unset, bytes: unset}} {
		if err := o.Copy(t.Context(), full{}, client, "/x", nil, true); !errors.Is(err, errFull) {
			t.Errorf("%+v: ended with %v", o, err)
		}
	}
}
