package job

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	"github.com/nomadlike/nomadlike/command/watch"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// inspectOptions are the flags of job inspect.
type inspectOptions struct {
	version               *uint64
	json, source, withVar bool
	template              string
}

func inspectVerb(*meta.Meta) *meta.Verb {
	var o inspectOptions
	return &meta.Verb{
		Name: "job inspect", Aliases: []string{"inspect"}, Args: "<job>", MinArgs: 1, MaxArgs: 1,
		Summary: "Print the definition of a job",
		Text:    "Prints a job as the servers have it, in JSON that can be submitted again, or the source that it was submitted with.",
		Examples: []meta.Example{
			{Text: "Print the source of the job file", Line: "nomadlike job inspect -hcl web"},
			{Text: "Print an earlier version", Line: "nomadlike job inspect -version 3 web"},
		},
		Flags: func(f *meta.Flags) {
			f.Index(&o.version, "version", "<version>", "Print this version instead of the newest.")
			f.Bool(&o.json, "json", false, "Print as JSON, which is also the default.")
			f.Bool(&o.source, "hcl", false, "Print the job file that was submitted.")
			f.Bool(&o.withVar, "with-vars", false, "With -hcl: print also the values of the variables.")
			f.String(&o.template, "t", "", "<template>", "Print through a Go template.")
		},
		Predict: meta.Predict("jobs"),
		Do: func(ctx context.Context, c *meta.Call) error {
			if o.source && (o.json || o.template != "") || o.json && o.template != "" {
				return meta.Usagef("-hcl, -json and -t exclude each other")
			}
			if o.withVar && !o.source {
				return meta.Usagef("-with-vars needs -hcl")
			}
			match, err := c.Job(ctx, c.Args[0])
			if err != nil {
				return err
			}
			job, err := o.find(ctx, c, match.ID)
			if err != nil {
				return err
			}
			return o.print(ctx, c, job)
		},
	}
}

func (o *inspectOptions) find(ctx context.Context, c *meta.Call, id string) (*nl.Job, error) {
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	if o.version == nil {
		job, _, err := apiclient.Get[*nl.Job](ctx, client, watch.JobPath(id), nil)
		if err != nil {
			return nil, fmt.Errorf("reading job %q: %w", id, err)
		}
		return job, nil
	}
	reply, _, err := apiclient.Get[versionsReply](ctx, client, watch.JobPath(id, "versions"), nil)
	if err != nil {
		return nil, fmt.Errorf("reading the versions of job %q: %w", id, err)
	}
	for _, v := range reply.Versions {
		if v.Version == *o.version {
			return v, nil
		}
	}
	return nil, fmt.Errorf("job %q has no version %d: 'job history %s' lists what is kept", id, *o.version, id)
}

func (o *inspectOptions) print(ctx context.Context, c *meta.Call, job *nl.Job) error {
	if o.source {
		client, err := c.Client()
		if err != nil {
			return err
		}
		source, err := submission(ctx, client, job.ID, job.Version)
		if err != nil {
			return err
		}
		if source == nil || source.Source == "" {
			return errors.New("the source of this version was not kept: the job came without it, or it was too large")
		}
		c.Print(strings.TrimRight(o.sourceText(source), "\n"))
		return nil
	}
	text, err := "", error(nil)
	if o.template != "" {
		text, err = render.Template(o.template, job)
	} else {
		text, err = render.JSON(struct{ Job *nl.Job }{job})
	}
	if err == nil {
		c.Print(text)
	}
	return err
}

// sourceText is a job file, with the values of its variables as comments and
// assignments before it.
func (o *inspectOptions) sourceText(s *nl.JobSubmission) string {
	if !o.withVar {
		return s.Source
	}
	var b strings.Builder
	flags := maps.Clone(s.VariableFlags)
	for _, name := range render.Keys(flags) {
		fmt.Fprintf(&b, "# -var=%q\n", name+"="+flags[name])
	}
	for _, line := range strings.Split(strings.TrimSpace(s.Variables), "\n") {
		if line != "" {
			fmt.Fprintf(&b, "# -var-file: %s\n", line)
		}
	}
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	return b.String() + s.Source
}
