package job

import (
	"context"
	"fmt"
	"strconv"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	"github.com/nomadlike/nomadlike/command/watch"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// historyOptions are the flags of job history.
type historyOptions struct {
	diffs, full          bool
	version, diffVersion *uint64
	diffTag              string
}

func historyVerb(*meta.Meta) *meta.Verb {
	var o historyOptions
	return &meta.Verb{
		Name: "job history", Args: "<job>", MinArgs: 1, MaxArgs: 1,
		Summary: "Show the versions of a job",
		Text:    "Shows the versions of a job that are kept, newest first, and on request how they differ.",
		Examples: []meta.Example{
			{Text: "Show what each version changed", Line: "nomadlike job history -p web"},
			{Text: "Compare with a tagged version", Line: "nomadlike job history -diff-tag golden web"},
		},
		Flags: func(f *meta.Flags) {
			f.Bool(&o.diffs, "p", false, "Show how each version differs from the one before it.")
			f.Bool(&o.full, "full", false, "Show the whole definition of each version.")
			f.Index(&o.version, "version", "<version>", "Show only this version.")
			f.String(&o.diffTag, "diff-tag", "", "<tag>", "Compare with the version that has this tag. Implies -p.")
			f.Index(&o.diffVersion, "diff-version", "<version>", "Compare with this version. Implies -p.")
			f.Output()
		},
		Predict: meta.Predict("jobs"),
		Do: func(ctx context.Context, c *meta.Call) error {
			if o.diffTag != "" && o.diffVersion != nil {
				return meta.Usagef("-diff-tag and -diff-version exclude each other")
			}
			if o.diffs && c.Structured() {
				return meta.Usagef("-p is for people: leave it out with -json and -t")
			}
			o.diffs = o.diffs || o.diffTag != "" || o.diffVersion != nil
			match, err := c.Job(ctx, c.Args[0])
			if err != nil {
				return err
			}
			return o.show(ctx, c, match.ID)
		},
	}
}

func (o *historyOptions) show(ctx context.Context, c *meta.Call, id string) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	params := map[string]string{"diffs": strconv.FormatBool(o.diffs)}
	if o.diffTag != "" {
		params["diff_tag"] = o.diffTag
	}
	if o.diffVersion != nil {
		params["diff_version"] = strconv.FormatUint(*o.diffVersion, 10)
	}
	reply, _, err := apiclient.Get[versionsReply](ctx, client, watch.JobPath(id, "versions"), &apiclient.Query{Params: params})
	if err != nil {
		return fmt.Errorf("reading the versions of job %q: %w", id, err)
	}
	versions, diffs := reply.Versions, o.align(&reply)
	if o.version != nil {
		at := indexOf(versions, *o.version)
		if at < 0 {
			return fmt.Errorf("job %q has no version %d", id, *o.version)
		}
		versions, diffs = versions[at:at+1], diffs[at:at+1]
		if done, err := c.PrintStructured(versions[0]); done {
			return err
		}
	}
	if done, err := c.PrintStructured(versions); done {
		return err
	}
	for i, v := range versions {
		if i > 0 {
			c.Print("")
		}
		if err := o.printVersion(c, v, diffs[i]); err != nil {
			return err
		}
	}
	return nil
}

// align puts the differences beside their versions. Compared with the version
// before, the oldest one has none; compared with a chosen one, that one has none.
func (o *historyOptions) align(reply *versionsReply) []*nl.JobDiff {
	out := make([]*nl.JobDiff, len(reply.Versions))
	if len(reply.Diffs) == len(reply.Versions) {
		copy(out, reply.Diffs)
		return out
	}
	next := 0
	for i, v := range reply.Versions {
		chosen := o.diffVersion != nil && v.Version == *o.diffVersion ||
			o.diffTag != "" && v.VersionTag != nil && v.VersionTag.Name == o.diffTag
		if chosen || next >= len(reply.Diffs) {
			continue
		}
		out[i] = reply.Diffs[next]
		next++
	}
	return out
}

func indexOf(versions []*nl.Job, version uint64) int {
	for i, v := range versions {
		if v.Version == version {
			return i
		}
	}
	return -1
}

func (o *historyOptions) printVersion(c *meta.Call, job *nl.Job, d *nl.JobDiff) error {
	var kv render.Pairs
	kv.Add("Version", fmt.Sprint(job.Version)).
		Add("Stable", fmt.Sprint(job.Stable)).
		Add("Submit Date", render.Nanos(job.SubmitTime))
	if job.VersionTag != nil {
		kv.Add("Tag Name", job.VersionTag.Name).
			AddIf(job.VersionTag.Description != "", "Tag Description", job.VersionTag.Description)
	}
	switch {
	case o.diffs && d != nil:
		kv.Add("Diff", "\n"+Diff(d, c.Colour, false))
	case o.full:
		text, err := render.JSON(job)
		if err != nil {
			return err
		}
		kv.Add("Full", "\n"+text)
	}
	c.Print(kv.String())
	return nil
}
