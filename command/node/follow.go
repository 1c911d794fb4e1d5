package node

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// pollEvery is how long at most a change stays unseen.
const pollEvery = time.Second

// drainWatch tells what changes on a node that is drained.
type drainWatch struct {
	call   *meta.Call
	node   *nl.Node
	allocs map[string]*nl.Alloc // as last seen
}

// follow tells how a drain goes on until it is over.
func follow(ctx context.Context, c *meta.Call, client *apiclient.Client, n *shown) error {
	w := &drainWatch{call: c, node: n.Node, allocs: map[string]*nl.Alloc{}}
	if n.DrainStrategy == nil {
		w.say(render.Green, "No drain strategy set for node %s", n.ID)
		return nil
	}
	w.say("", "Monitoring node %q: Ctrl-C to detach monitoring", n.ID)
	var index uint64
	for {
		asked := c.Now()
		allocs, head, err := apiclient.Get[[]*nl.Alloc](ctx, client, "/v1/node/"+n.ID+"/allocations", w.blocking(index))
		if err != nil {
			return fmt.Errorf("listing the allocations of node %s: %w", n.ID, err)
		}
		now, err := read(ctx, client, n.ID)
		if err != nil {
			return err
		}
		w.updateAllocs(allocs)
		if w.updateNode(now.Node, allocs) {
			return nil
		}
		// Agents that do not block are not asked more often for it.
		if rest := pollEvery - c.Now().Sub(asked); rest > 0 && (head.Index == 0 || head.Index == index) {
			if err := c.Pause(ctx, rest); err != nil {
				return err
			}
		}
		index = head.Index
	}
}

func (w *drainWatch) blocking(index uint64) *apiclient.Query {
	if index == 0 {
		return nil
	}
	return &apiclient.Query{MinIndex: index, MaxWait: pollEvery}
}

func (w *drainWatch) say(style render.Style, format string, args ...any) {
	w.call.Print(w.call.Colour.Paint(style, render.Time(w.call.Now())+": "+fmt.Sprintf(format, args...)))
}

// updateAllocs tells what happened to the allocations.
func (w *drainWatch) updateAllocs(allocs []*nl.Alloc) {
	slices.SortFunc(allocs, func(a, b *nl.Alloc) int { return strings.Compare(a.ID, b.ID) })
	for _, a := range allocs {
		before, known := w.allocs[a.ID]
		w.allocs[a.ID] = a
		if !known {
			// What was over before has nothing to do with the drain.
			if a.Terminal() {
				continue
			}
			before = &nl.Alloc{ClientStatus: a.ClientStatus, DesiredStatus: a.DesiredStatus}
		}
		var news []string
		if a.DesiredTransition().Migrates() && !before.DesiredTransition().Migrates() {
			news = append(news, "marked for migration")
		}
		if a.TerminalDesired() && !before.TerminalDesired() {
			news = append(news, "draining")
		}
		if a.ClientStatus != before.ClientStatus {
			news = append(news, fmt.Sprintf("status %s -> %s", before.ClientStatus, a.ClientStatus))
		}
		for _, text := range news {
			w.say("", "Alloc %q %s", a.ID, text)
		}
	}
}

// updateNode tells what happened to the drain, and whether it is over.
func (w *drainWatch) updateNode(n *nl.Node, allocs []*nl.Alloc) (over bool) {
	before := w.node
	w.node = n
	if n.DrainStrategy != nil {
		if before.DrainStrategy != nil && !n.DrainStrategy.ForceDeadline.Equal(before.DrainStrategy.ForceDeadline.Time) {
			w.say("", "Node %q drain strategy was changed: deadline %s", n.ID, render.Since(n.DrainStrategy.ForceDeadline.Time, w.call.Now()))
		}
		if n.Status == nl.NodeStatusDown && before.Status != nl.NodeStatusDown {
			w.say(render.Yellow, "Node %q is down: its allocations are lost", n.ID)
		}
		return false
	}
	if before.DrainStrategy != nil {
		if n.LastDrain != nil && n.LastDrain.Status == drainCanceled {
			w.say(render.Yellow, "Node %q drain was cancelled", n.ID)
			return true
		}
		w.say(render.Green, "Drain complete for node %s", n.ID)
	}
	ignoring := before.DrainStrategy != nil && before.DrainStrategy.IgnoreSystemJobs
	if slices.ContainsFunc(allocs, func(a *nl.Alloc) bool {
		return !a.TerminalClient() && a.TerminalDesired() && (!ignoring || !systemJob(a))
	}) {
		return false // on their way out
	}
	w.say(render.Green, "All allocations on node %q have stopped", n.ID)
	return true
}

// drainCanceled is the status of a drain that was ended by someone.
const drainCanceled = "canceled"

func systemJob(a *nl.Alloc) bool { return a.Job != nil && a.Job.Type == nl.JobTypeSystem }
