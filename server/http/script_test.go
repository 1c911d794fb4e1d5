package http_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	web "net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nomadlike/nomadlike/nomadlike/script"
)

var _ = flag.Bool("rewrite", false, "write what the scripts print into them")

// client sends what the scripts say and prints what they want to see. "=" is
// written as ":" in queries, spaces in bodies as "~".
type client struct {
	t    *testing.T
	h    web.Handler
	vars map[string]string
}

func TestScripts(t *testing.T) {
	script.Run(t, "testdata/*.txt", func(t *testing.T) func(script.Line) string {
		h, stop, err := quiet()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
		return (&client{t: t, h: h, vars: map[string]string{}}).do
	})
}

// do runs "METHOD PATH [body] [header.Name=value] [show=a,b] [save=name:Field]".
func (c *client) do(l script.Line) string {
	if len(l.Args) == 0 {
		return "a request needs a path"
	}
	body := ""
	if len(l.Args) > 1 {
		body = strings.Join(l.Args[1:], " ")
	}
	if n, ok := l.Set["big"]; ok {
		body = `{"JobHCL":"` + strings.Repeat("x", bodyBytesMax) + n + `"}`
	}
	r := httptest.NewRequest("GET", "/", strings.NewReader(c.expand(strings.ReplaceAll(body, "~", " "))))
	path, query, _ := strings.Cut(c.expand(l.Args[0]), "?")
	u, err := url.Parse(path)
	if err != nil {
		return err.Error()
	}
	u.RawQuery = strings.ReplaceAll(query, ":", "=")
	r.Method, r.URL = l.Verb, u
	for k, v := range l.Set {
		if name, ok := strings.CutPrefix(k, "header."); ok {
			r.Header.Set(name, v)
		}
	}
	w := httptest.NewRecorder()
	c.h.ServeHTTP(w, r)
	return c.print(l, w)
}

func (c *client) expand(s string) string {
	for k, v := range c.vars {
		s = strings.ReplaceAll(s, "${"+k+"}", v)
	}
	return s
}

// print shows the status, the headers asked for, and the body: whole when it
// is text, else the members asked for.
func (c *client) print(l script.Line, w *httptest.ResponseRecorder) string {
	var b strings.Builder
	fmt.Fprint(&b, w.Code)
	for _, name := range split(l.Set["headers"]) {
		fmt.Fprintf(&b, " %s=%q", name, strings.Join(w.Header().Values(name), ","))
	}
	body := w.Body.Bytes()
	if w.Header().Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err == nil {
			body, err = io.ReadAll(z)
		}
		if err != nil {
			return err.Error()
		}
	}
	var v any
	if w.Header().Get("Content-Type") != "application/json" || json.Unmarshal(body, &v) != nil {
		if len(body) > 0 {
			b.WriteString(" " + hideIDs(strings.ReplaceAll(string(body), "\n", "\\n")))
		}
		return b.String()
	}
	if s, ok := l.Set["save"]; ok {
		name, field, _ := strings.Cut(s, ":")
		c.vars[name] = shown(field, v)
	}
	switch fields := split(l.Set["show"]); {
	case l.Set["show"] == "raw":
		b.WriteString(" " + hideIDs(string(body)))
	case len(fields) > 0:
		for _, f := range fields {
			fmt.Fprintf(&b, " %s=%s", f, hideIDs(shown(f, v)))
		}
	}
	return b.String()
}

func split(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

// shown finds a member by its path, such as Matches.jobs; of a list, of every item.
func shown(path string, v any) string {
	switch x := v.(type) {
	case []any:
		var out []string
		for _, item := range x {
			out = append(out, shown(path, item))
		}
		if path == "len" {
			return fmt.Sprint(len(x))
		}
		return "[" + strings.Join(out, " ") + "]"
	case map[string]any:
		if path == "keys" {
			keys := []string{}
			for k := range x {
				keys = append(keys, k)
			}
			slices.Sort(keys)
			return strings.Join(keys, " ")
		}
		if path != "" {
			head, rest, _ := strings.Cut(path, ".")
			return shown(rest, x[head])
		}
	case string:
		return x
	}
	raw, _ := json.Marshal(v)
	return string(raw)
}

var uuid = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

func hideIDs(s string) string { return uuid.ReplaceAllString(s, "<id>") }
