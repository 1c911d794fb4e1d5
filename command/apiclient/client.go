// Package apiclient speaks the HTTP API of an agent for the command line. It
// knows addresses, TLS, tokens, query options, streams and WebSockets, and
// answers in the nouns of package nomadlike. It never prints, never reads the
// environment by itself and keeps nothing between calls but connections.
package apiclient

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// dialTimeout bounds reaching an agent; answers themselves may block.
	dialTimeout = 10 * time.Second
	// errorBodyMax bounds, in bytes, how much of an error's text is kept.
	errorBodyMax = 64 << 10

	// headerToken carries the caller's secret.
	headerToken = "X-Nomad-Token"
)

// Client calls one agent. It is safe for concurrent use.
type Client struct {
	config Config
	base   *url.URL
	http   *http.Client
}

// New makes a client; it does not connect yet.
func New(config Config) (*Client, error) {
	if config.Address == "" {
		config.Address = DefaultAddress
	}
	base, err := url.Parse(config.Address)
	if err != nil {
		return nil, fmt.Errorf("agent address %q is not a URL: %w", config.Address, err)
	}
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout: dialTimeout,
	}
	switch base.Scheme {
	case "unix":
		socket := base.Host + base.Path
		dialer := &net.Dialer{Timeout: dialTimeout}
		transport.Proxy = nil
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", socket)
		}
		base = &url.URL{Scheme: "http", Host: "127.0.0.1"}
	case "http":
	case "https":
		tlsConfig, err := config.TLS.build()
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig = tlsConfig
	default:
		return nil, fmt.Errorf("agent address %q must start with http://, https:// or unix://", config.Address)
	}
	return &Client{config: config, base: base, http: &http.Client{Transport: transport}}, nil
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Address is where the client calls, as it was configured.
func (c *Client) Address() string { return c.config.Address }

// Namespace is the namespace requests name unless they say otherwise.
func (c *Client) Namespace() string { return c.config.Namespace }

// Region is the region requests name unless they say otherwise.
func (c *Client) Region() string { return c.config.Region }

// Token is the secret requests carry.
func (c *Client) Token() string { return c.config.Token }

// TLSConfig is what connections are made with; nil without TLS.
func (c *Client) TLSConfig() *tls.Config {
	return c.http.Transport.(*http.Transport).TLSClientConfig
}

// Get reads path into a value of type T.
func Get[T any](ctx context.Context, c *Client, path string, q *Query) (T, *Meta, error) {
	var out T
	meta, err := c.Call(ctx, http.MethodGet, path, nil, &out, q)
	return out, meta, err
}

// Put writes in to path and reads the answer into a value of type T.
func Put[T any](ctx context.Context, c *Client, path string, in any, q *Query) (T, *Meta, error) {
	var out T
	meta, err := c.Call(ctx, http.MethodPut, path, in, &out, q)
	return out, meta, err
}

// Post is Put with the other method, for routes that read by POST.
func Post[T any](ctx context.Context, c *Client, path string, in any, q *Query) (T, *Meta, error) {
	var out T
	meta, err := c.Call(ctx, http.MethodPost, path, in, &out, q)
	return out, meta, err
}

// Delete deletes path and reads the answer into a value of type T.
func Delete[T any](ctx context.Context, c *Client, path string, in any, q *Query) (T, *Meta, error) {
	var out T
	meta, err := c.Call(ctx, http.MethodDelete, path, in, &out, q)
	return out, meta, err
}

// Call sends in, when it is not nil, as JSON (an io.Reader as it is) and
// decodes the answer into out, when it is not nil. An empty answer leaves out
// as it was.
func (c *Client) Call(ctx context.Context, method, path string, in, out any, q *Query) (*Meta, error) {
	resp, err := c.Do(ctx, method, path, in, q)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	meta := metaOf(resp.Header)
	if out == nil {
		_, err := io.Copy(io.Discard, resp.Body)
		return meta, err
	}
	if raw, ok := out.(*json.RawMessage); ok {
		*raw, err = io.ReadAll(resp.Body)
		return meta, err
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the agent's answer to %s %s is not what was expected: %w", method, path, err)
	}
	return meta, nil
}

// Stream reads path as it comes. The caller closes the body.
func (c *Client) Stream(ctx context.Context, path string, q *Query) (io.ReadCloser, error) {
	resp, err := c.Do(ctx, http.MethodGet, path, nil, q)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// Do sends one request. Any status other than 2xx is a *StatusError; otherwise
// the caller closes the body.
func (c *Client) Do(ctx context.Context, method, path string, in any, q *Query) (*http.Response, error) {
	req, err := c.Request(ctx, method, path, in, q)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.reachError(ctx, err)
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, errorBodyMax))
	return nil, &StatusError{Code: resp.StatusCode, Body: strings.TrimSpace(string(body))}
}

// Request builds a request without sending it.
func (c *Client) Request(ctx context.Context, method, path string, in any, q *Query) (*http.Request, error) {
	target, err := c.URL(path, q)
	if err != nil {
		return nil, err
	}
	var body io.Reader
	switch in := in.(type) {
	case nil:
	case io.Reader:
		body = in
	default:
		raw, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("encoding the request to %s: %w", path, err)
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, target.String(), body)
	if err != nil {
		return nil, fmt.Errorf("request to %s cannot be made: %w", path, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	c.setHeaders(req.Header, q)
	return req, nil
}

// URL is where a request for path goes. The path may carry parameters of its own.
func (c *Client) URL(path string, q *Query) (*url.URL, error) {
	ref, err := url.Parse(path)
	if err != nil {
		return nil, fmt.Errorf("path %q is not valid: %w", path, err)
	}
	target := *c.base
	target.Path = strings.TrimSuffix(target.Path, "/") + ref.Path
	target.RawPath = ""
	if ref.RawPath != "" {
		target.RawPath = strings.TrimSuffix(c.base.EscapedPath(), "/") + ref.RawPath
	}
	values := ref.Query()
	c.defaults(q).fill(values)
	target.RawQuery = values.Encode()
	return &target, nil
}

// defaults completes a query with what the client was configured with.
func (c *Client) defaults(q *Query) *Query {
	var out Query
	if q != nil {
		out = *q
	}
	if out.Region == "" {
		out.Region = c.config.Region
	}
	if out.Namespace == "" {
		out.Namespace = c.config.Namespace
	}
	return &out
}

func (c *Client) setHeaders(h http.Header, q *Query) {
	token := c.config.Token
	if q != nil && q.Token != "" {
		token = q.Token
	}
	if token != "" {
		h.Set(headerToken, token)
	}
	if c.config.Auth != nil {
		h.Set("Authorization", c.config.Auth.header())
	}
	if q != nil {
		for k, v := range q.Headers {
			h.Set(k, v)
		}
	}
}

// reachError explains that there was no answer at all.
func (c *Client) reachError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var cause *url.Error
	if errors.As(err, &cause) {
		err = cause.Err
	}
	return &UnreachableError{Address: c.config.Address, Err: err}
}
