package acl

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	"github.com/nomadlike/nomadlike/command/specfile"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Types of tokens.
const (
	clientType     = "client"
	managementType = "management"
)

func bootstrapVerb(*meta.Meta) *meta.Verb {
	return &meta.Verb{
		Name: "acl bootstrap", Args: "[<file or ->]", MaxArgs: 1,
		Summary: "Make the first token of a cluster",
		Text:    "Makes the first token, which may do everything. It can be done once. The secret is made up, or read from a file that holds a UUID.",
		Examples: []meta.Example{
			{Text: "Make the token", Line: "nomadlike acl bootstrap"},
			{Text: "Make it with a secret of your own", Line: "uuidgen | nomadlike acl bootstrap -"},
		},
		Flags: func(f *meta.Flags) { f.Output() },
		Do: func(ctx context.Context, c *meta.Call) error {
			var request struct {
				BootstrapSecret string `json:",omitempty"`
			}
			if len(c.Args) == 1 {
				secret, _, err := specfile.Read(c.Args[0], c.In)
				if err != nil {
					return err
				}
				request.BootstrapSecret = strings.TrimSpace(string(secret))
			}
			token, err := put[*nl.Token](ctx, c, "the first token", "/v1/acl/bootstrap", request)
			if err != nil {
				return err
			}
			return show(c, token, tokenText)
		},
	}
}

// tokenOptions are the flags of tokens.
type tokenOptions struct {
	name, kind, ttl, accessor    string
	global                       bool
	policies, roleIDs, roleNames []string
}

func (o *tokenOptions) declare(f *meta.Flags) {
	f.String(&o.name, "name", "", "<name>", "Name of the token, for people.")
	f.Strings(&o.policies, "policy", "<name>", "Policy of the token. May be given many times.")
	f.Strings(&o.roleIDs, "role-id", "<id>", "ID of a role of the token. May be given many times.")
	f.Strings(&o.roleNames, "role-name", "<name>", "Name of a role of the token. May be given many times.")
}

func (o *tokenOptions) roles() []*nl.ACLTokenRoleLink {
	var out []*nl.ACLTokenRoleLink
	for _, id := range o.roleIDs {
		out = append(out, &nl.ACLTokenRoleLink{ID: id})
	}
	for _, name := range o.roleNames {
		out = append(out, &nl.ACLTokenRoleLink{Name: name})
	}
	return out
}

// tokenRequest is what of a token is written.
type tokenRequest struct {
	AccessorID    string `json:",omitempty"`
	SecretID      string `json:",omitempty"`
	Name          string
	Type          string
	Policies      []string
	Roles         []*nl.ACLTokenRoleLink
	Global        bool
	ExpirationTTL time.Duration `json:",omitempty"`
}

func tokenCreateVerb(*meta.Meta) *meta.Verb {
	var o tokenOptions
	return &meta.Verb{
		Name: "acl token create", Args: "[<file or ->]", MaxArgs: 1,
		Summary: "Make a token",
		Text:    "Makes a token and prints its secret. With -accessor, the secret is read from a file, or from standard input.",
		Examples: []meta.Example{
			{Text: "Make a token that ends after a day", Line: "nomadlike acl token create -name ci -policy deploy -ttl 24h"},
			{Text: "Make a token that may do everything", Line: "nomadlike acl token create -type management -name admin"},
		},
		Flags: func(f *meta.Flags) {
			o.declare(f)
			f.Choice(&o.kind, "type", clientType, []string{clientType, managementType}, "Whether the token has policies or may do everything.")
			f.Bool(&o.global, "global", false, "Let the token be used in all regions.")
			f.String(&o.ttl, "ttl", "", "<duration>", "How long the token is valid.")
			f.String(&o.accessor, "accessor", "", "<id>", "Accessor ID of a token to upload, whose secret is given.")
			f.Output()
		},
		Do: func(ctx context.Context, c *meta.Call) error {
			request, err := o.request(c)
			if err != nil {
				return err
			}
			path := "/v1/acl/token"
			token, err := put[*nl.Token](ctx, c, "the token", path, request)
			if err != nil {
				return err
			}
			return show(c, token, tokenText)
		},
	}
}

func (o *tokenOptions) request(c *meta.Call) (*tokenRequest, error) {
	request := &tokenRequest{
		AccessorID: o.accessor, Name: o.name, Type: o.kind, Policies: o.policies, Roles: o.roles(), Global: o.global,
	}
	if (o.accessor != "") != (len(c.Args) == 1) {
		return nil, meta.Usagef("-accessor and a file with the secret belong together")
	}
	if o.accessor != "" {
		secret, _, err := specfile.Read(c.Args[0], c.In)
		if err != nil {
			return nil, err
		}
		request.SecretID = strings.TrimSpace(string(secret))
	}
	if o.ttl != "" {
		ttl, err := time.ParseDuration(o.ttl)
		if err != nil {
			return nil, meta.Usagef("-ttl must be a duration such as 24h, not %q", o.ttl)
		}
		request.ExpirationTTL = ttl
	}
	return request, nil
}

func tokenUpdateVerb(*meta.Meta) *meta.Verb {
	var o tokenOptions
	return &meta.Verb{
		Name: "acl token update", Args: "<accessor>", MinArgs: 1, MaxArgs: 1,
		Summary:  "Change a token",
		Text:     "Changes what is given; lists are replaced as a whole.",
		Examples: []meta.Example{{Text: "Give a token other policies", Line: "nomadlike acl token update -policy deploy -policy readonly <accessor>"}},
		Flags: func(f *meta.Flags) {
			o.declare(f)
			f.Choice(&o.kind, "type", "", []string{clientType, managementType}, "Whether the token has policies or may do everything.")
		},
		Do: func(ctx context.Context, c *meta.Call) error {
			path := "/v1/acl/token/" + url.PathEscape(c.Args[0])
			token, err := get[*nl.Token](ctx, c, "the token", path)
			if err != nil {
				return err
			}
			if o.name != "" {
				token.Name = o.name
			}
			if o.kind != "" {
				token.Type = o.kind
			}
			if len(o.policies) > 0 {
				token.Policies = o.policies
			}
			if roles := o.roles(); len(roles) > 0 {
				token.Roles = roles
			}
			changed, err := put[*nl.Token](ctx, c, "the token", path, token)
			if err != nil {
				return err
			}
			c.Print(tokenText(changed))
			return nil
		},
	}
}

func tokenListVerb(m *meta.Meta) *meta.Verb {
	return listVerb("acl token list", "tokens", "/v1/acl/tokens", "No tokens found", func(list []*nl.ACLTokenListStub) string {
		t := render.NewTable("Name", "Type", "Global", "Accessor ID", "Expired")
		for _, token := range list {
			expired := !token.ExpirationTime.IsZero() && token.ExpirationTime.Before(m.Now())
			t.Row(token.Name, token.Type, fmt.Sprint(token.Global), token.AccessorID, fmt.Sprint(expired))
		}
		return t.String()
	})
}

func tokenInfoVerb(*meta.Meta) *meta.Verb {
	return infoVerb("acl token info", "a token", "accessor", "/v1/acl/token/", tokenText)
}

func tokenDeleteVerb(*meta.Meta) *meta.Verb {
	return deleteVerb("acl token delete", "a token", "accessor", "/v1/acl/token/")
}

func tokenSelfVerb(*meta.Meta) *meta.Verb {
	return &meta.Verb{
		Name: "acl token self", Summary: "Show your own token",
		Examples: []meta.Example{{Text: "Show the token in use", Line: "nomadlike acl token self"}},
		Flags:    func(f *meta.Flags) { f.Output() },
		Do: func(ctx context.Context, c *meta.Call) error {
			token, err := get[*nl.Token](ctx, c, "the token", "/v1/acl/token/self")
			if err != nil {
				return err
			}
			return show(c, token, tokenText)
		},
	}
}
