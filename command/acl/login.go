package acl

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

const (
	// callbackPath is where the identity provider sends the browser back to.
	callbackPath = "/oidc/callback"
	// loginWait bounds how long a person has to log in.
	loginWait = 5 * time.Minute
	typeOIDC  = "OIDC"
)

// loginOptions are the flags of login.
type loginOptions struct{ method, kind, callback, token string }

// answer is what the browser brings back.
type answer struct{ state, code, issuer, problem string }

func loginVerb(*meta.Meta) *meta.Verb {
	var o loginOptions
	return &meta.Verb{
		Name: "login", Summary: "Get a token by logging in",
		Text: "Gets a token from an auth method: through the browser, or for a token that another system gave. Without -method, the default method is used.",
		Examples: []meta.Example{
			{Text: "Log in through the browser", Line: "nomadlike login -method sso"},
			{Text: "Log in with a token of another system", Line: "nomadlike login -method ci -login-token $CI_JWT"},
		},
		Flags: func(f *meta.Flags) {
			f.String(&o.method, "method", "", "<name>", "Auth method to log in with.")
			f.String(&o.kind, "type", "", "<type>", "Type of the default auth method to use. Deprecated: name the method instead.")
			f.String(&o.callback, "oidc-callback-addr", "localhost:4649", "<addr>", "Address the browser is sent back to.")
			f.String(&o.token, "login-token", "", "<token>", "Token of another system to log in with.")
			f.Output()
		},
		Do: o.login,
	}
}

func (o *loginOptions) login(ctx context.Context, c *meta.Call) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	method, err := o.choose(ctx, client)
	if err != nil {
		return err
	}
	var token *nl.Token
	if method.Type == typeOIDC {
		token, err = o.browser(ctx, c, client, method.Name)
	} else {
		if o.token == "" {
			return meta.Usagef("Auth method %q needs a token of another system: set -login-token", method.Name)
		}
		request := struct{ AuthMethodName, LoginToken string }{method.Name, o.token}
		token, _, err = apiclient.Post[*nl.Token](ctx, client, "/v1/acl/login", request, nil)
	}
	if err != nil {
		return fmt.Errorf("logging in with auth method %q: %w", method.Name, err)
	}
	if c.Structured() {
		_, err := c.PrintStructured(token)
		return err
	}
	c.Printf("Successfully logged in via %s and %s\n", method.Type, method.Name)
	c.Print(tokenText(token))
	return nil
}

// choose is the method that was named, or the default one.
func (o *loginOptions) choose(ctx context.Context, client *apiclient.Client) (*nl.ACLAuthMethodStub, error) {
	methods, _, err := apiclient.Get[[]*nl.ACLAuthMethodStub](ctx, client, "/v1/acl/auth-methods", nil)
	if err != nil {
		return nil, fmt.Errorf("listing auth methods: %w", err)
	}
	for _, m := range methods {
		if m.Name == o.method || o.method == "" && m.Default && (o.kind == "" || o.kind == m.Type) {
			return m, nil
		}
	}
	if o.method == "" {
		return nil, errors.New("there is no default auth method: name one with -method")
	}
	return nil, fmt.Errorf("there is no auth method %q: 'acl auth-method list' shows them", o.method)
}

// browser has a person log in at an identity provider.
func (o *loginOptions) browser(ctx context.Context, c *meta.Call, client *apiclient.Client, method string) (*nl.Token, error) {
	ctx, cancel := context.WithTimeout(ctx, loginWait)
	defer cancel()
	listener, err := net.Listen("tcp", o.callback)
	if err != nil {
		return nil, fmt.Errorf("listening for the browser (choose another address with -oidc-callback-addr): %w", err)
	}
	answers := make(chan answer, 1)
	server := &http.Server{Handler: callback(answers), ReadHeaderTimeout: loginWait}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // ends when it is closed
	}()
	defer func() {
		server.Close()
		<-done
	}()
	nonce := nl.NewID(c.Random)
	redirect, err := redirectURL(o.callback, listener.Addr())
	if err != nil {
		return nil, err
	}
	start := struct{ AuthMethodName, RedirectURI, ClientNonce string }{method, redirect, nonce}
	address, _, err := apiclient.Post[struct{ AuthURL string }](ctx, client, "/v1/acl/oidc/auth-url", start, nil)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(c.Err, "Log in with your browser. If it does not open, go to:\n\n%s\n\n", address.AuthURL)
	if err := c.OpenBrowser(address.AuthURL); err != nil {
		c.Warn(fmt.Sprintf("The browser could not be opened: %v.", err))
	}
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("nobody logged in within %s", loginWait)
	case a := <-answers:
		if a.problem != "" {
			return nil, errors.New(a.problem)
		}
		end := struct{ AuthMethodName, ClientNonce, State, Code, Iss, RedirectURI string }{method, nonce, a.state, a.code, a.issuer, redirect}
		token, _, err := apiclient.Post[*nl.Token](ctx, client, "/v1/acl/oidc/complete-auth", end, nil)
		return token, err
	}
}

// redirectURL is where the browser is sent back to: the host that was asked
// for, which the identity provider knows, and the port that is listened on.
func redirectURL(asked string, listening net.Addr) (string, error) {
	host, _, err := net.SplitHostPort(asked)
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(listening.String())
	if err != nil {
		return "", err
	}
	return "http://" + net.JoinHostPort(host, port) + callbackPath, nil
}

// callback takes what the browser brings back, once.
func callback(answers chan<- answer) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(callbackPath, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		a := answer{state: q.Get("state"), code: q.Get("code"), issuer: q.Get("iss"), problem: q.Get("error")}
		if text := q.Get("error_description"); a.problem != "" && text != "" {
			a.problem += ": " + text
		}
		select {
		case answers <- a:
		default: // a second answer changes nothing
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if a.problem != "" {
			fmt.Fprintln(w, "Login failed. You can close this window; the command line tells why.")
			return
		}
		fmt.Fprintln(w, "Login done. You can close this window and return to the command line.")
	})
	return mux
}
