package acl

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	"github.com/nomadlike/nomadlike/command/specfile"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// methodOptions are the flags of auth methods.
type methodOptions struct {
	name, kind, locality, tokenName, config string
	ttl                                     time.Duration
	isDefault                               *bool
}

func (o *methodOptions) declare(f *meta.Flags) {
	f.Choice(&o.kind, "type", "", []string{"OIDC", "JWT"}, "How identities are proved.")
	f.Duration(&o.ttl, "max-token-ttl", 0, "<duration>", "How long tokens of this method are valid at most.")
	f.Choice(&o.locality, "token-locality", "", []string{"local", "global"}, "Where tokens of this method may be used: in this region or in all.")
	f.String(&o.tokenName, "token-name-format", "", "<format>", "How tokens of this method are called.")
	f.OptionalBool(&o.isDefault, "default", "Use the method where none is named.")
	f.String(&o.config, "config", "", "<json>", "Configuration of the method in JSON; @ and a file name, or - for standard input.")
	f.Output()
}

// apply puts what was given into a method.
func (o *methodOptions) apply(c *meta.Call, m *nl.ACLAuthMethod) error {
	if o.kind != "" {
		m.Type = o.kind
	}
	if o.ttl != 0 {
		m.MaxTokenTTL = o.ttl.String()
	}
	if o.locality != "" {
		m.TokenLocality = o.locality
	}
	if o.tokenName != "" {
		m.TokenNameFormat = o.tokenName
	}
	if o.isDefault != nil {
		m.Default = *o.isDefault
	}
	if o.config == "" {
		return nil
	}
	text, name := []byte(o.config), "-config"
	if path, isFile := strings.CutPrefix(o.config, "@"); isFile || o.config == specfile.Stdin {
		var err error
		if text, name, err = specfile.Read(path, c.In); err != nil {
			return err
		}
	}
	config := &nl.ACLAuthMethodConfig{}
	if err := json.Unmarshal(text, config); err != nil {
		return fmt.Errorf("%s is not the configuration of an auth method: %w", name, err)
	}
	m.Config = config
	return nil
}

func methodCreateVerb(*meta.Meta) *meta.Verb {
	var o methodOptions
	return &meta.Verb{
		Name: "acl auth-method create", Summary: "Make an auth method",
		Examples: []meta.Example{{Text: "Let people log in at an identity provider", Line: "nomadlike acl auth-method create -name sso -type OIDC -max-token-ttl 1h -token-locality global -config @sso.json"}},
		Flags: func(f *meta.Flags) {
			f.String(&o.name, "name", "", "<name>", "Name of the method. Required.")
			o.declare(f)
		},
		Do: func(ctx context.Context, c *meta.Call) error {
			if o.name == "" || o.kind == "" || o.locality == "" || o.ttl == 0 || o.config == "" {
				return meta.Usagef("An auth method needs all of -name, -type, -token-locality, -max-token-ttl and -config")
			}
			m := &nl.ACLAuthMethod{Name: o.name}
			if err := o.apply(c, m); err != nil {
				return err
			}
			made, err := put[*nl.ACLAuthMethod](ctx, c, "the auth method", "/v1/acl/auth-method", m)
			if err != nil {
				return err
			}
			return show(c, made, methodText)
		},
	}
}

func methodUpdateVerb(*meta.Meta) *meta.Verb {
	var o methodOptions
	return &meta.Verb{
		Name: "acl auth-method update", Args: "<name>", MinArgs: 1, MaxArgs: 1,
		Summary:  "Change an auth method",
		Text:     "Changes what is given and keeps the rest. A configuration is replaced as a whole.",
		Examples: []meta.Example{{Text: "Let tokens live longer", Line: "nomadlike acl auth-method update -max-token-ttl 8h sso"}},
		Flags:    o.declare,
		Do: func(ctx context.Context, c *meta.Call) error {
			path := "/v1/acl/auth-method/" + url.PathEscape(c.Args[0])
			m, err := get[*nl.ACLAuthMethod](ctx, c, "the auth method", path)
			if err != nil {
				return err
			}
			if err := o.apply(c, m); err != nil {
				return err
			}
			changed, err := put[*nl.ACLAuthMethod](ctx, c, "the auth method", path, m)
			if err != nil {
				return err
			}
			return show(c, changed, methodText)
		},
	}
}

func methodListVerb(*meta.Meta) *meta.Verb {
	return listVerb("acl auth-method list", "auth methods", "/v1/acl/auth-methods", "No ACL auth methods found", func(list []*nl.ACLAuthMethodStub) string {
		t := render.NewTable("Name", "Type", "Default")
		for _, m := range list {
			t.Row(m.Name, m.Type, fmt.Sprint(m.Default))
		}
		return t.String()
	})
}

func methodInfoVerb(*meta.Meta) *meta.Verb {
	return infoVerb("acl auth-method info", "an auth method", "name", "/v1/acl/auth-method/", methodText)
}

func methodDeleteVerb(*meta.Meta) *meta.Verb {
	return deleteVerb("acl auth-method delete", "an auth method", "name", "/v1/acl/auth-method/")
}

func methodText(m *nl.ACLAuthMethod) string {
	var kv render.Pairs
	out := kv.Add("Name", m.Name).Add("Type", m.Type).Add("Locality", m.TokenLocality).
		Add("Max Token TTL", m.MaxTokenTTL).Add("Token Name Format", m.TokenNameFormat).Add("Default", fmt.Sprint(m.Default)).
		Add("Create Index", fmt.Sprint(m.CreateIndex)).Add("Modify Index", fmt.Sprint(m.ModifyIndex)).String()
	if m.Config == nil {
		return out
	}
	g := m.Config
	var config render.Pairs
	config.Add("JWT Validation Public Keys", strings.Join(g.JWTValidationPubKeys, ",")).
		Add("JWKS URL", g.JWKSURL).Add("JWKS CA", g.JWKSCACert).
		Add("OIDC Discovery URL", g.OIDCDiscoveryURL).Add("OIDC Client ID", g.OIDCClientID).Add("OIDC Client Secret", g.OIDCClientSecret).
		Add("OIDC Enable PKCE", fmt.Sprint(g.OIDCEnablePKCE)).Add("OIDC Disable UserInfo", fmt.Sprint(g.OIDCDisableUserInfo)).
		Add("OIDC Scopes", strings.Join(g.OIDCScopes, ",")).
		Add("Bound audiences", strings.Join(g.BoundAudiences, ",")).Add("Bound issuer", strings.Join(g.BoundIssuer, ",")).
		Add("Allowed redirects URIs", strings.Join(g.AllowedRedirectURIs, ",")).
		Add("Discovery CA pem", strings.Join(g.DiscoveryCaPem, ",")).Add("Signing algorithms", strings.Join(g.SigningAlgs, ",")).
		Add("Expiration Leeway", g.ExpirationLeeway).Add("NotBefore Leeway", g.NotBeforeLeeway).Add("ClockSkew Leeway", g.ClockSkewLeeway).
		Add("Claim mappings", render.Map(g.ClaimMappings)).Add("List claim mappings", render.Map(g.ListClaimMappings))
	return out + "\n\nAuth Method Config\n\n" + config.String()
}
