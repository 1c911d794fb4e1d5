package acl

import (
	"context"
	"fmt"
	"net/url"

	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// ruleOptions are the flags of binding rules.
type ruleOptions struct {
	description, method, selector, bindType, bindName string
	noMerge                                           bool
}

func (o *ruleOptions) declare(f *meta.Flags) {
	f.String(&o.description, "description", "", "<text>", "What the rule is for.")
	f.String(&o.selector, "selector", "", "<expression>", "Whom the rule is for, as an expression over what the method knows of them.")
	f.Choice(&o.bindType, "bind-type", "", []string{"role", "policy", "management"}, "What they are given.")
	f.String(&o.bindName, "bind-name", "", "<name>", "Name of the role or policy.")
	f.Output()
}

func ruleCreateVerb(*meta.Meta) *meta.Verb {
	var o ruleOptions
	return &meta.Verb{
		Name: "acl binding-rule create", Summary: "Make a binding rule",
		Examples: []meta.Example{{Text: "Give a team a role", Line: `nomadlike acl binding-rule create -auth-method sso -bind-type role -bind-name engineer -selector '"eng" in list.groups'`}},
		Flags: func(f *meta.Flags) {
			f.String(&o.method, "auth-method", "", "<name>", "Auth method of the rule. Required.")
			o.declare(f)
		},
		Do: func(ctx context.Context, c *meta.Call) error {
			if o.method == "" || o.bindType == "" {
				return meta.Usagef("A binding rule needs -auth-method and -bind-type")
			}
			rule := nl.ACLBindingRule{Description: o.description, AuthMethod: o.method, Selector: o.selector, BindType: o.bindType, BindName: o.bindName}
			made, err := put[*nl.ACLBindingRule](ctx, c, "the binding rule", "/v1/acl/binding-rule", rule)
			if err != nil {
				return err
			}
			return show(c, made, ruleText)
		},
	}
}

func ruleUpdateVerb(*meta.Meta) *meta.Verb {
	var o ruleOptions
	return &meta.Verb{
		Name: "acl binding-rule update", Args: "<id>", MinArgs: 1, MaxArgs: 1,
		Summary:  "Change a binding rule",
		Text:     "Changes what is given and keeps the rest. With -no-merge the rule becomes just what is given.",
		Examples: []meta.Example{{Text: "Bind another role", Line: "nomadlike acl binding-rule update -bind-name operator <id>"}},
		Flags: func(f *meta.Flags) {
			o.declare(f)
			f.Bool(&o.noMerge, "no-merge", false, "Keep nothing of the rule but its ID and auth method.")
		},
		Do: func(ctx context.Context, c *meta.Call) error {
			path := "/v1/acl/binding-rule/" + url.PathEscape(c.Args[0])
			rule, err := get[*nl.ACLBindingRule](ctx, c, "the binding rule", path)
			if err != nil {
				return err
			}
			if o.noMerge && o.bindType == "" {
				return meta.Usagef("With -no-merge a binding rule needs -bind-type")
			}
			set := func(field *string, value string) {
				if value != "" || o.noMerge {
					*field = value
				}
			}
			set(&rule.Description, o.description)
			set(&rule.Selector, o.selector)
			set(&rule.BindType, o.bindType)
			set(&rule.BindName, o.bindName)
			changed, err := put[*nl.ACLBindingRule](ctx, c, "the binding rule", path, rule)
			if err != nil {
				return err
			}
			return show(c, changed, ruleText)
		},
	}
}

func ruleListVerb(*meta.Meta) *meta.Verb {
	return listVerb("acl binding-rule list", "binding rules", "/v1/acl/binding-rules", "No ACL binding rules found", func(list []*nl.ACLBindingRuleListStub) string {
		t := render.NewTable("ID", "Description", "Auth Method")
		for _, r := range list {
			t.Row(r.ID, r.Description, r.AuthMethod)
		}
		return t.String()
	})
}

func ruleInfoVerb(*meta.Meta) *meta.Verb {
	return infoVerb("acl binding-rule info", "a binding rule", "id", "/v1/acl/binding-rule/", ruleText)
}

func ruleDeleteVerb(*meta.Meta) *meta.Verb {
	return deleteVerb("acl binding-rule delete", "a binding rule", "id", "/v1/acl/binding-rule/")
}

func ruleText(r *nl.ACLBindingRule) string {
	var kv render.Pairs
	return kv.Add("ID", r.ID).Add("Description", r.Description).Add("Auth Method", r.AuthMethod).
		Add("Selector", r.Selector).Add("Bind Type", r.BindType).Add("Bind Name", r.BindName).
		Add("Create Time", render.Time(r.CreateTime.Local())).Add("Modify Time", render.Time(r.ModifyTime.Local())).
		Add("Create Index", fmt.Sprint(r.CreateIndex)).Add("Modify Index", fmt.Sprint(r.ModifyIndex)).String()
}
