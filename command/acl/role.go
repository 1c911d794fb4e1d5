package acl

import (
	"context"
	"fmt"
	"net/url"

	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// roleOptions are the flags of roles.
type roleOptions struct {
	name, description string
	policies          []string
	noMerge           bool
}

func (o *roleOptions) declare(f *meta.Flags) {
	f.String(&o.name, "name", "", "<name>", "Name of the role.")
	f.String(&o.description, "description", "", "<text>", "What the role is for.")
	f.Strings(&o.policies, "policy", "<name>", "Policy of the role. May be given many times.")
	f.Output()
}

func (o *roleOptions) links() []*nl.ACLRolePolicyLink {
	var out []*nl.ACLRolePolicyLink
	for _, name := range o.policies {
		out = append(out, &nl.ACLRolePolicyLink{Name: name})
	}
	return out
}

func roleCreateVerb(*meta.Meta) *meta.Verb {
	var o roleOptions
	return &meta.Verb{
		Name: "acl role create", Summary: "Make a role",
		Examples: []meta.Example{{Text: "Make a role of two policies", Line: "nomadlike acl role create -name engineer -policy deploy -policy readonly"}},
		Flags:    o.declare,
		Do: func(ctx context.Context, c *meta.Call) error {
			if o.name == "" {
				return meta.Usagef("A role needs a name: set -name")
			}
			if len(o.policies) == 0 {
				return meta.Usagef("A role needs at least one policy: set -policy")
			}
			request := nl.Role{Name: o.name, Description: o.description, Policies: o.links()}
			role, err := put[*nl.Role](ctx, c, "the role", "/v1/acl/role", request)
			if err != nil {
				return err
			}
			return show(c, role, roleText)
		},
	}
}

func roleUpdateVerb(*meta.Meta) *meta.Verb {
	var o roleOptions
	return &meta.Verb{
		Name: "acl role update", Args: "<id>", MinArgs: 1, MaxArgs: 1,
		Summary:  "Change a role",
		Text:     "Changes what is given and keeps the rest; policies are added. With -no-merge the role becomes just what is given.",
		Examples: []meta.Example{{Text: "Add a policy", Line: "nomadlike acl role update -policy secrets <id>"}},
		Flags: func(f *meta.Flags) {
			o.declare(f)
			f.Bool(&o.noMerge, "no-merge", false, "Keep nothing of the role but its ID.")
		},
		Do: func(ctx context.Context, c *meta.Call) error {
			path := "/v1/acl/role/" + url.PathEscape(c.Args[0])
			role, err := get[*nl.Role](ctx, c, "the role", path)
			if err != nil {
				return err
			}
			if err := o.change(role); err != nil {
				return err
			}
			changed, err := put[*nl.Role](ctx, c, "the role", path, role)
			if err != nil {
				return err
			}
			return show(c, changed, roleText)
		},
	}
}

func (o *roleOptions) change(role *nl.Role) error {
	if o.noMerge {
		if o.name == "" || len(o.policies) == 0 {
			return meta.Usagef("With -no-merge a role needs -name and -policy")
		}
		role.Name, role.Description, role.Policies = o.name, o.description, o.links()
		return nil
	}
	if o.name == "" && o.description == "" && len(o.policies) == 0 {
		return meta.Usagef("Say what to change with -name, -description or -policy")
	}
	if o.name != "" {
		role.Name = o.name
	}
	if o.description != "" {
		role.Description = o.description
	}
	known := map[string]bool{}
	for _, p := range role.Policies {
		known[p.Name] = true
	}
	for _, link := range o.links() {
		if !known[link.Name] {
			role.Policies = append(role.Policies, link)
		}
	}
	return nil
}

func roleListVerb(*meta.Meta) *meta.Verb {
	return listVerb("acl role list", "roles", "/v1/acl/roles", "No ACL roles found", func(list []*nl.ACLRoleListStub) string {
		t := render.NewTable("ID", "Name", "Description", "Policies")
		for _, r := range list {
			t.Row(r.ID, r.Name, r.Description, policyNames(r.Policies))
		}
		return t.String()
	})
}

func policyNames(links []*nl.ACLRolePolicyLink) string {
	var names []string
	for _, l := range links {
		names = append(names, l.Name)
	}
	return render.List(names)
}

func roleInfoVerb(*meta.Meta) *meta.Verb {
	var byName bool
	return &meta.Verb{
		Name: "acl role info", Args: "<id>", MinArgs: 1, MaxArgs: 1,
		Summary:  "Show a role",
		Examples: []meta.Example{{Text: "Show a role by its name", Line: "nomadlike acl role info -by-name engineer"}},
		Flags: func(f *meta.Flags) {
			f.Bool(&byName, "by-name", false, "The argument is the name of the role.")
			f.Output()
		},
		Do: func(ctx context.Context, c *meta.Call) error {
			path := "/v1/acl/role/"
			if byName {
				path += "name/"
			}
			role, err := get[*nl.Role](ctx, c, "the role", path+url.PathEscape(c.Args[0]))
			if err != nil {
				return err
			}
			return show(c, role, roleText)
		},
	}
}

func roleDeleteVerb(*meta.Meta) *meta.Verb {
	return deleteVerb("acl role delete", "a role", "id", "/v1/acl/role/")
}

func roleText(r *nl.Role) string {
	var kv render.Pairs
	return kv.Add("ID", r.ID).Add("Name", r.Name).Add("Description", r.Description).
		Add("Policies", policyNames(r.Policies)).
		Add("Create Index", fmt.Sprint(r.CreateIndex)).Add("Modify Index", fmt.Sprint(r.ModifyIndex)).String()
}
