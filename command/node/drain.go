package node

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

const (
	// deadlineDefault is how long allocations may take to leave.
	deadlineDefault = time.Hour
	// deadlineForce is the deadline that has passed already.
	deadlineForce = -time.Second
)

// drainFlags are the flags of the command.
type drainFlags struct {
	enable, disable, force, noDeadline, ignoreSystem, keepIneligible bool
	detach, monitor, self, yes                                       bool
	deadline                                                         *time.Duration
	message                                                          string
	meta                                                             map[string]string
}

func drain(*meta.Meta) *meta.Verb {
	var f drainFlags
	return &meta.Verb{
		Name: "node drain", Args: "<node>", MaxArgs: 1,
		Summary: "Move all work away from a node",
		Text: "With -enable the node takes no more work, and its allocations are moved to other nodes, as many at a time as the migrate blocks of their jobs allow. Those that are left when the deadline passes are stopped. System jobs go last.\n" +
			"The drain is followed until it is over; interrupting the command does not interrupt the drain. With -disable the node is put back into service.",
		Examples: []meta.Example{
			{Text: "Drain a node within half an hour", Line: meta.Binary + " node drain -enable -deadline 30m 4d2ba"},
			{Text: "Stop everything on it now", Line: meta.Binary + " node drain -enable -force -yes 4d2ba"},
			{Text: "Follow a drain under way", Line: meta.Binary + " node drain -monitor 4d2ba"},
			{Text: "Put it back into service", Line: meta.Binary + " node drain -disable 4d2ba"},
		},
		Flags: func(fl *meta.Flags) {
			fl.Bool(&f.enable, "enable", false, "Begin to drain the node.")
			fl.Bool(&f.disable, "disable", false, "End the drain and let the node take work again.")
			fl.OptionalDuration(&f.deadline, "deadline", "<duration>", "How long allocations may take to leave. Default: 1h.")
			fl.Bool(&f.force, "force", false, "Stop all allocations at once, without waiting for others to take over.")
			fl.Bool(&f.noDeadline, "no-deadline", false, "Give allocations all the time they need.")
			fl.Bool(&f.ignoreSystem, "ignore-system", false, "Leave the allocations of system jobs running.")
			fl.Bool(&f.keepIneligible, "keep-ineligible", false, "With -disable: keep the node from taking work.")
			fl.Bool(&f.detach, "detach", false, "Return at once instead of following the drain.")
			fl.Bool(&f.monitor, "monitor", false, "Only follow a drain that is under way.")
			fl.String(&f.message, "m", "", "<text>", "Why the node is drained, or no longer; it is kept with the node.")
			fl.Map(&f.meta, "meta", "Something to keep with the drain. May be given many times.")
			fl.Bool(&f.self, "self", false, "Drain the node of the agent that is asked.")
			fl.Yes(&f.yes)
		},
		Predict: meta.Predict("nodes"),
		Do:      f.run,
	}
}

// check refuses what contradicts itself.
func (f *drainFlags) check() error {
	switch {
	case f.monitor && (f.enable || f.disable):
		return meta.Usagef("-monitor excludes -enable and -disable")
	case !f.monitor && f.enable == f.disable:
		return meta.Usagef("Either -enable or -disable must be given")
	case f.monitor && f.detach:
		return meta.Usagef("-monitor and -detach exclude each other")
	case f.force && f.noDeadline:
		return meta.Usagef("-force and -no-deadline exclude each other")
	case f.deadline != nil && (f.force || f.noDeadline):
		return meta.Usagef("-deadline excludes -force and -no-deadline")
	case f.deadline != nil && *f.deadline <= 0:
		return meta.Usagef("-deadline must be more than nothing: use -force or -no-deadline")
	case f.disable && (f.force || f.noDeadline || f.ignoreSystem || f.deadline != nil):
		return meta.Usagef("-disable excludes -deadline, -force, -no-deadline and -ignore-system")
	case f.keepIneligible && !f.disable:
		return meta.Usagef("-keep-ineligible needs -disable")
	}
	return nil
}

// spec is how the node is to be drained, nil to end the drain.
func (f *drainFlags) spec() *nl.DrainSpec {
	if f.disable {
		return nil
	}
	spec := &nl.DrainSpec{Deadline: deadlineDefault, IgnoreSystemJobs: f.ignoreSystem}
	switch {
	case f.force:
		spec.Deadline = deadlineForce
	case f.noDeadline:
		spec.Deadline = 0
	case f.deadline != nil:
		spec.Deadline = *f.deadline
	}
	return spec
}

// kept is what is to be remembered of the drain. Ending one keeps what was said
// when it began.
func (f *drainFlags) kept(n *nl.Node) map[string]string {
	out := map[string]string{}
	key := "message"
	if f.disable {
		key = "cancel_message"
		if n.LastDrain != nil {
			maps.Copy(out, n.LastDrain.Meta)
		}
	}
	maps.Copy(out, f.meta)
	if f.message != "" {
		out[key] = f.message
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func (f *drainFlags) run(ctx context.Context, c *meta.Call) error {
	if err := f.check(); err != nil {
		return err
	}
	id, exact, err := chosen(ctx, c, f.self)
	if err != nil {
		return err
	}
	client, err := c.Client()
	if err != nil {
		return err
	}
	n, err := read(ctx, client, id)
	if err != nil {
		return err
	}
	if f.monitor {
		return follow(ctx, c, client, n)
	}
	verb, done := "enable", "set"
	if f.disable {
		verb, done = "disable", "unset"
	}
	if !exact && !f.yes {
		sure, err := c.Confirm(fmt.Sprintf("Are you sure you want to %s drain mode for node %q?", verb, n.ID))
		if err != nil {
			return err
		}
		if !sure {
			c.Printf("Nothing was changed: the drain was not %sd", verb)
			return nil
		}
	}
	body := struct {
		NodeID       string
		DrainSpec    *nl.DrainSpec
		MarkEligible bool
		Meta         map[string]string
	}{n.ID, f.spec(), f.disable && !f.keepIneligible, f.kept(n.Node)}
	_, _, err = apiclient.Put[nl.NodeDrainUpdateResponse](ctx, client, "/v1/node/"+n.ID+"/drain", body, nil)
	if err != nil {
		return fmt.Errorf("changing the drain of node %s: %w", n.ID, err)
	}
	c.Printf("Node %q drain strategy %s", n.ID, done)
	if f.disable || f.detach {
		return nil
	}
	if n, err = read(ctx, client, n.ID); err != nil {
		return err
	}
	if n.DrainStrategy == nil {
		// There was nothing to move: it is over already.
		n.DrainStrategy = &nl.DrainStrategy{Deadline: body.DrainSpec.Deadline, IgnoreSystemJobs: f.ignoreSystem}
	}
	return follow(ctx, c, client, n)
}
