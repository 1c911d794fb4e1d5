package job

import (
	"context"
	"fmt"
	"net/url"

	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/watch"
)

func tagApplyVerb(*meta.Meta) *meta.Verb {
	var name, description string
	var version *uint64
	return &meta.Verb{
		Name: "job tag apply", Args: "<job>", MinArgs: 1, MaxArgs: 1,
		Summary:  "Give a version of a job a name",
		Text:     "Tags a version of a job. Tagged versions are kept, and commands take the tag in place of the number.",
		Examples: []meta.Example{{Text: "Tag the newest version", Line: `nomadlike job tag apply -name golden -description "before the migration" web`}},
		Flags: func(f *meta.Flags) {
			f.String(&name, "name", "", "<name>", "Name of the tag. Required.")
			f.String(&description, "description", "", "<text>", "What the tag is for.")
			f.Index(&version, "version", "<version>", "Tag this version instead of the newest.")
		},
		Predict: meta.Predict("jobs"),
		Do: func(ctx context.Context, c *meta.Call) error {
			if name == "" {
				return meta.Usagef("A tag needs a name: set -name")
			}
			match, err := c.Job(ctx, c.Args[0])
			if err != nil {
				return err
			}
			client, err := c.Client()
			if err != nil {
				return err
			}
			request := struct {
				Version     uint64
				Latest      bool
				Description string
			}{Latest: version == nil, Description: description}
			if version != nil {
				request.Version = *version
			}
			if _, err := client.Call(ctx, "PUT", tagPath(match.ID, name), request, nil, nil); err != nil {
				return fmt.Errorf("tagging job %q: %w", match.ID, err)
			}
			what := "the newest version"
			if version != nil {
				what = fmt.Sprintf("version %d", *version)
			}
			c.Printf("Tag %q applied to %s of job %q", name, what, match.ID)
			return nil
		},
	}
}

func tagUnsetVerb(*meta.Meta) *meta.Verb {
	var name string
	return &meta.Verb{
		Name: "job tag unset", Args: "<job>", MinArgs: 1, MaxArgs: 1,
		Summary:  "Take a tag from a version of a job",
		Examples: []meta.Example{{Text: "Remove a tag", Line: "nomadlike job tag unset -name golden web"}},
		Flags: func(f *meta.Flags) {
			f.String(&name, "name", "", "<name>", "Name of the tag. Required.")
		},
		Predict: meta.Predict("jobs"),
		Do: func(ctx context.Context, c *meta.Call) error {
			if name == "" {
				return meta.Usagef("Say which tag with -name")
			}
			match, err := c.Job(ctx, c.Args[0])
			if err != nil {
				return err
			}
			client, err := c.Client()
			if err != nil {
				return err
			}
			if _, err := client.Call(ctx, "DELETE", tagPath(match.ID, name), nil, nil, nil); err != nil {
				return fmt.Errorf("removing the tag %q: %w", name, err)
			}
			c.Printf("Tag %q removed from job %q", name, match.ID)
			return nil
		},
	}
}

func tagPath(id, tag string) string {
	return watch.JobPath(id, "versions", url.PathEscape(tag), "tag")
}
