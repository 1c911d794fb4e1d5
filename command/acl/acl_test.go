package acl

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nomadlike/nomadlike/command/clitest"
	"github.com/nomadlike/nomadlike/command/meta"
)

var _ = flag.Bool("rewrite", false, "write what is printed into the transcripts")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTranscripts(t *testing.T) { clitest.Run(t, "testdata/*.txt", Commands) }

// zeros makes the nonce known.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestLogin_Browser plays identity provider, browser and agent.
func TestLogin_Browser(t *testing.T) {
	var ended struct{ ClientNonce, State, Code, RedirectURI string }
	var redirect string
	agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1/acl/auth-methods":
			w.Write([]byte(`[{"Name": "sso", "Type": "OIDC", "Default": true}]`))
		case "/v1/acl/oidc/auth-url":
			var in struct{ RedirectURI string }
			json.NewDecoder(r.Body).Decode(&in)
			redirect = in.RedirectURI
			w.Write([]byte(`{"AuthURL": "http://provider.test/login"}`))
		case "/v1/acl/oidc/complete-auth":
			json.NewDecoder(r.Body).Decode(&ended)
			w.Write([]byte(`{"AccessorID": "acc", "SecretID": "sec", "Type": "client"}`))
		}
	}))
	t.Cleanup(agent.Close)
	for name, c := range map[string]struct {
		back url.Values
		code int
		text string
	}{
		"done":    {url.Values{"state": {"s"}, "code": {"c"}}, 0, "Secret ID    = sec"},
		"refused": {url.Values{"error": {"access_denied"}, "error_description": {"not today"}}, 1, "access_denied: not today"},
	} {
		var out, errs bytes.Buffer
		m := &meta.Meta{
			In: strings.NewReader(""), Out: &out, Err: &errs, Random: zeros{}, Now: time.Now,
			Getenv:  func(k string) string { return map[string]string{"NOMAD_ADDR": agent.URL}[k] },
			Environ: func() []string { return nil },
			Pause:   func(context.Context, time.Duration) error { return nil },
			OpenBrowser: func(string) error {
				client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
				resp, err := client.Get(redirect + "?" + c.back.Encode())
				if err == nil {
					resp.Body.Close()
				}
				return err
			},
		}
		command, err := Commands(m)["login"]()
		if err != nil {
			t.Fatal(err)
		}
		if code := command.Run([]string{"-oidc-callback-addr=127.0.0.1:0"}); code != c.code || !strings.Contains(out.String()+errs.String(), c.text) {
			t.Errorf("%s: exit code %d\n%s\n%s", name, code, &out, &errs)
		}
	}
	if ended.State != "s" || ended.Code != "c" || ended.RedirectURI == "" || ended.ClientNonce != "00000000-0000-4000-8000-000000000000" {
		t.Errorf("ended with %+v", ended)
	}
}
