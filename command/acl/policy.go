package acl

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	"github.com/nomadlike/nomadlike/command/specfile"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func policyApplyVerb(*meta.Meta) *meta.Verb {
	var description string
	var bound nl.JobACL
	return &meta.Verb{
		Name: "acl policy apply", Args: "<name> <file or ->", MinArgs: 2, MaxArgs: 2,
		Summary: "Write a policy",
		Text:    "Writes a policy from a file of rules, or from standard input. A policy can be bound to a job, or a part of one: the workload has it without any token then.",
		Examples: []meta.Example{
			{Text: "Write a policy", Line: `nomadlike acl policy apply -description "May look" readonly readonly.policy.hcl`},
			{Text: "Give a job a policy", Line: "nomadlike acl policy apply -job web web-vars web-vars.policy.hcl"},
		},
		Flags: func(f *meta.Flags) {
			f.String(&description, "description", "", "<text>", "What the policy is for.")
			f.String(&bound.JobID, "job", "", "<job>", "Bind the policy to this job.")
			f.String(&bound.Group, "group", "", "<group>", "Bind the policy to this group of the job.")
			f.String(&bound.Task, "task", "", "<task>", "Bind the policy to this task of the group.")
		},
		Do: func(ctx context.Context, c *meta.Call) error {
			switch {
			case bound.Group != "" && bound.JobID == "":
				return meta.Usagef("-group needs -job")
			case bound.Task != "" && bound.Group == "":
				return meta.Usagef("-task needs -group")
			}
			rules, _, err := specfile.Read(c.Args[1], c.In)
			if err != nil {
				return err
			}
			policy := nl.Policy{Name: c.Args[0], Description: description, Rules: string(rules)}
			if bound.JobID != "" {
				bound.Namespace = c.Namespace()
				policy.JobACL = &bound
			}
			client, err := c.Client()
			if err != nil {
				return err
			}
			if _, err := client.Call(ctx, "PUT", "/v1/acl/policy/"+url.PathEscape(policy.Name), policy, nil, nil); err != nil {
				return fmt.Errorf("writing policy %q: %w", policy.Name, err)
			}
			c.Printf("Successfully wrote %q ACL policy!", policy.Name)
			return nil
		},
	}
}

func policyListVerb(*meta.Meta) *meta.Verb {
	return listVerb("acl policy list", "policies", "/v1/acl/policies", "No policies found", func(list []*nl.ACLPolicyListStub) string {
		t := render.NewTable("Name", "Description")
		for _, p := range list {
			t.Row(p.Name, p.Description)
		}
		return t.String()
	})
}

func policySelfVerb(*meta.Meta) *meta.Verb {
	v := listVerb("acl policy self", "the policies of your token", "/v1/acl/policy/self", "No policies found for this identity.", func(list []*nl.ACLPolicyListStub) string {
		t := render.NewTable("Name", "Job ID", "Group Name", "Task Name")
		for _, p := range list {
			var bound nl.JobACL
			if p.JobACL != nil {
				bound = *p.JobACL
			}
			t.Row(p.Name, bound.JobID, bound.Group, bound.Task)
		}
		return t.String()
	})
	return v
}

func policyInfoVerb(*meta.Meta) *meta.Verb {
	return &meta.Verb{
		Name: "acl policy info", Args: "<name>", MinArgs: 1, MaxArgs: 1,
		Summary:  "Show a policy",
		Examples: []meta.Example{{Text: "Show a policy and its rules", Line: "nomadlike acl policy info readonly"}},
		Do: func(ctx context.Context, c *meta.Call) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			// The rules are shown as text: their decoded form is another shape.
			type policy struct {
				Name, Description, Rules string
				JobACL                   *nl.JobACL
				CreateIndex, ModifyIndex uint64
			}
			p, _, err := apiclient.Get[policy](ctx, client, "/v1/acl/policy/"+url.PathEscape(c.Args[0]), nil)
			if err != nil {
				return fmt.Errorf("reading policy %q: %w", c.Args[0], err)
			}
			var kv render.Pairs
			kv.Add("Name", p.Name).Add("Description", p.Description).
				Add("CreateIndex", fmt.Sprint(p.CreateIndex)).Add("ModifyIndex", fmt.Sprint(p.ModifyIndex))
			c.Print(kv.String())
			if p.JobACL != nil {
				var bound render.Pairs
				bound.Add("Namespace", p.JobACL.Namespace).Add("JobID", p.JobACL.JobID).
					Add("Group", p.JobACL.Group).Add("Task", p.JobACL.Task)
				c.Section("Associated Workload", bound.String())
			}
			c.Section("Rules", "\n"+strings.TrimRight(p.Rules, "\n"))
			return nil
		},
	}
}

func policyDeleteVerb(*meta.Meta) *meta.Verb {
	return deleteVerb("acl policy delete", "a policy", "name", "/v1/acl/policy/")
}
