package main

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// A Target is an agent under test.
type Target struct {
	addr    string
	root    string // management token, when ACLs are on
	drivers map[string]bool
	client  *http.Client
	pause   time.Duration // before every step
}

func newTarget(addr string) *Target {
	return &Target{addr: strings.TrimSuffix(addr, "/"), client: &http.Client{
		Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}}
}

// A Response is what a step got: JSON is nil unless the body is JSON.
type Response struct {
	Status  int
	Header  http.Header
	Raw     []byte
	JSON    any
	elapsed time.Duration
}

func (t *Target) do(ctx context.Context, method, path string, header http.Header, body string, read func(*http.Response, *Response)) (*Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, t.addr+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = header
	start := time.Now()
	res, err := t.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	r := &Response{Status: res.StatusCode, Header: res.Header}
	if read != nil && res.StatusCode == http.StatusOK {
		read(res, r)
	} else {
		in := io.Reader(res.Body)
		if res.Header.Get("Content-Encoding") == "gzip" {
			if in, err = gzip.NewReader(in); err != nil {
				return nil, err
			}
		}
		if r.Raw, err = io.ReadAll(in); err != nil {
			return nil, err
		}
		r.JSON, _ = decodeJSON(r.Raw)
	}
	r.elapsed = time.Since(start)
	return r, nil
}

// call is a plain request of the tool's own, outside any scenario.
func (t *Target) call(method, path, body string) (*Response, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return t.do(ctx, method, path, http.Header{"X-Nomad-Token": {t.root}}, body, nil)
}

// prepare waits for a ready node, learns its drivers, and with acl obtains a
// management token by bootstrapping with a well-known secret.
func (t *Target) prepare(acl bool, token string, wait time.Duration) error {
	const secret = "c0f0c0f0-0000-4000-8000-000000000001"
	if t.root = token; acl && token == "" {
		t.root = secret
	}
	nodeID := Path{{kind: segFilter, key: "Status", want: "ready"}, {key: "ID"}}
	for deadline := time.Now().Add(wait); ; time.Sleep(200 * time.Millisecond) {
		if acl && token == "" {
			t.call("PUT", "/v1/acl/bootstrap", `{"BootstrapSecret": "`+secret+`"}`)
		}
		r, err := t.call("GET", "/v1/nodes", "")
		if err == nil {
			if ids := nodeID.find(r.JSON); len(ids) > 0 {
				r, err = t.call("GET", "/v1/node/"+plain(ids[0]), "")
				if err != nil {
					return err
				}
				t.drivers = map[string]bool{}
				for _, v := range (Path{{key: "Drivers"}}).find(r.JSON) {
					drivers, _ := v.(map[string]any)
					for name, d := range drivers {
						m, _ := d.(map[string]any)
						t.drivers[name] = m["Healthy"] == true
					}
				}
				return nil
			}
			err = fmt.Errorf("no ready node (status %d)", r.Status)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: %w", t.addr, err)
		}
	}
}
