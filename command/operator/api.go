package operator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
)

// apiFlags are the flags of the command.
type apiFlags struct {
	method, filter  string
	headers         []string
	dryRun, verbose bool
}

func api(*meta.Meta) *meta.Verb {
	var f apiFlags
	return &meta.Verb{
		Name: "operator api", Args: "<path or URL>", MinArgs: 1, MaxArgs: 1,
		Summary: "Call the HTTP API",
		Text: "Calls the HTTP API with the address, token and TLS settings that all commands use, and prints the answer.\n" +
			"What is piped in becomes the body; the method is POST then, and GET otherwise.",
		Examples: []meta.Example{
			{Text: "Read something", Line: meta.Binary + " operator api /v1/jobs"},
			{Text: "Change something", Line: "echo '{\"Eligibility\":\"ineligible\"}' | " + meta.Binary + " operator api /v1/node/4d2ba53b-f4b6-4f0a-9d0c-2b3f6f2d7a11/eligibility"},
			{Text: "Show the same call with curl", Line: meta.Binary + " operator api -dryrun /v1/jobs?prefix=web"},
		},
		Flags: func(fl *meta.Flags) {
			fl.String(&f.method, "X", "", "<method>", "The method. Default: GET, or POST with a body.")
			fl.Strings(&f.headers, "H", "<name>:<value>", "A header. May be given many times.")
			fl.String(&f.filter, "filter", "", "<expression>", "The filter parameter.")
			fl.Bool(&f.dryRun, "dryrun", false, "Print a curl command that does the same; call nothing.")
			fl.Bool(&f.verbose, "verbose", false, "Print the headers of request and answer on stderr.")
		},
		Do: f.run,
	}
}

func (f *apiFlags) run(ctx context.Context, c *meta.Call) error {
	client, path, err := f.target(c)
	if err != nil {
		return err
	}
	defer client.Close()
	q := &apiclient.Query{Filter: f.filter, Headers: map[string]string{}}
	for _, h := range f.headers {
		name, value, ok := strings.Cut(h, ":")
		if !ok {
			return meta.Usagef("-H takes a name and a value with a colon between, not %q", h)
		}
		q.Headers[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	method := strings.ToUpper(f.method)
	var body []byte
	if method != http.MethodGet && method != http.MethodHead {
		if body, err = piped(c.In); err != nil {
			return err
		}
	}
	if method == "" {
		if method = http.MethodGet; len(body) > 0 {
			method = http.MethodPost
		}
	}
	var in any
	if len(body) > 0 {
		in = bytes.NewReader(body)
	}
	req, err := client.Request(ctx, method, path, in, q)
	if err != nil {
		return err
	}
	if f.dryRun {
		c.Print(curl(c, req, body))
		return nil
	}
	if f.verbose {
		fmt.Fprintf(c.Err, "> %s %s\n", req.Method, req.URL.RequestURI())
	}
	resp, err := client.Do(ctx, method, path, in, q)
	var status *apiclient.StatusError
	if errors.As(err, &status) {
		c.Print(status.Body)
		return fmt.Errorf("the agent answered with status %d", status.Code)
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if f.verbose {
		fmt.Fprintf(c.Err, "< %s %s\n", resp.Proto, resp.Status)
		for _, name := range render.Keys(resp.Header) {
			fmt.Fprintf(c.Err, "< %s: %s\n", name, strings.Join(resp.Header[name], ", "))
		}
	}
	return copyBody(c.Out, resp.Body)
}

// copyBody copies an answer and ends its last line.
func copyBody(to io.Writer, from io.Reader) error {
	last := &lastByte{to: to}
	if _, err := io.Copy(last, from); err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if last.wrote && last.b != '\n' {
		fmt.Fprintln(to)
	}
	return nil
}

// lastByte remembers what a line ended with.
type lastByte struct {
	to    io.Writer
	wrote bool
	b     byte
}

func (l *lastByte) Write(p []byte) (int, error) {
	if len(p) > 0 {
		l.wrote, l.b = true, p[len(p)-1]
	}
	return l.to.Write(p)
}

// target is the client and the path that the argument means. A whole URL names
// the agent too.
func (f *apiFlags) target(c *meta.Call) (*apiclient.Client, string, error) {
	config, err := c.ClientConfig()
	if err != nil {
		return nil, "", err
	}
	at, err := url.Parse(c.Args[0])
	if err != nil {
		return nil, "", meta.Usagef("%q is neither a path nor a URL: %v", c.Args[0], err)
	}
	path := at.RequestURI()
	if at.Host != "" {
		config.Address = at.Scheme + "://" + at.Host
	} else if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	if at.Host == "" && !strings.HasPrefix(path, "/v1/") && !strings.HasPrefix(path, "/.well-known/") {
		path = "/v1" + path
	}
	client, err := apiclient.New(config)
	return client, path, err
}

// piped is what comes in through a pipe or from a file, nothing at a terminal.
func piped(in io.Reader) ([]byte, error) {
	if f, ok := in.(*os.File); ok {
		info, err := f.Stat()
		if err != nil || info.Mode()&os.ModeCharDevice != 0 {
			return nil, nil
		}
	}
	body, err := io.ReadAll(in)
	if err != nil {
		return nil, fmt.Errorf("reading standard input: %w", err)
	}
	return body, nil
}

// curl is a command line that does the same. The token is named, not shown.
func curl(c *meta.Call, req *http.Request, body []byte) string {
	parts := []string{"curl"}
	if req.Method != http.MethodGet {
		parts = append(parts, "-X", req.Method)
	}
	for _, name := range render.Keys(req.Header) {
		value := quote(name + ": " + strings.Join(req.Header[name], ", "))
		if name == "X-Nomad-Token" && c.Getenv("NOMAD_TOKEN") == req.Header.Get(name) {
			value = `"` + name + `: ${NOMAD_TOKEN}"`
		}
		parts = append(parts, "-H", value)
	}
	if len(body) > 0 {
		parts = append(parts, "--data-binary", quote(string(body)))
	}
	config, err := c.ClientConfig()
	if err == nil {
		for _, f := range [][2]string{{"--cacert", config.TLS.CACert}, {"--capath", config.TLS.CAPath}, {"--cert", config.TLS.ClientCert}, {"--key", config.TLS.ClientKey}} {
			if f[1] != "" {
				parts = append(parts, f[0], quote(f[1]))
			}
		}
		if config.TLS.SkipVerify {
			parts = append(parts, "--insecure")
		}
		if socket, ok := strings.CutPrefix(config.Address, "unix://"); ok {
			parts = append(parts, "--unix-socket", quote(socket))
		}
	}
	return strings.Join(append(parts, quote(req.URL.String())), " ")
}

// quote makes a text one word of a shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
