package alloc

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	"github.com/nomadlike/nomadlike/command/usage"
	"github.com/nomadlike/nomadlike/command/watch"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// statusFlags are the flags of the command.
type statusFlags struct{ short, stats, verbose, ui bool }

func status(*meta.Meta) *meta.Verb {
	var f statusFlags
	return &meta.Verb{
		Name: "alloc status", Args: "[<allocation>]", MaxArgs: 1,
		Summary: "Show an allocation, or list all of them",
		Text: "Shows one allocation: its state, addresses, tasks with what they use and their recent events. The start of its ID is enough.\n" +
			"Without an argument all allocations of the namespace are listed.",
		Examples: []meta.Example{
			{Text: "Show an allocation", Line: meta.Binary + " alloc status f7a3c"},
			{Text: "Show everything that was measured", Line: meta.Binary + " alloc status -stats f7a3c"},
			{Text: "Only its client status", Line: meta.Binary + " alloc status -t '{{.ClientStatus}}' f7a3c"},
		},
		Flags: func(fl *meta.Flags) {
			fl.Bool(&f.short, "short", false, "Show only a summary and one line per task.")
			fl.Bool(&f.stats, "stats", false, "Show all statistics of the tasks.")
			fl.Verbose(&f.verbose)
			fl.UI(&f.ui)
			fl.Output()
		},
		Predict: meta.Predict("allocs"),
		Do: func(ctx context.Context, c *meta.Call) error {
			if len(c.Args) == 0 {
				return list(ctx, c, &f)
			}
			return show(ctx, c, &f)
		},
	}
}

func list(ctx context.Context, c *meta.Call, f *statusFlags) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	if c.Structured() {
		// Scripts get what the agent says, with nothing lost.
		allocs, _, err := apiclient.Get[[]*nl.AllocStub](ctx, client, "/v1/allocations", nil)
		if err != nil {
			return fmt.Errorf("listing allocations: %w", err)
		}
		_, err = c.PrintStructured(allocs)
		return err
	}
	q := &apiclient.Query{Params: map[string]string{"task_states": "false"}}
	allocs, _, err := apiclient.Get[[]*nl.AllocStub](ctx, client, "/v1/allocations", q)
	if err != nil {
		return fmt.Errorf("listing allocations: %w", err)
	}
	if len(allocs) == 0 {
		c.Print("No allocations")
		return nil
	}
	c.Print(listTable(allocs, c.AllNamespaces(), f.verbose, c.Now()).String())
	return nil
}

func show(ctx context.Context, c *meta.Call, f *statusFlags) error {
	a, client, err := find(ctx, c, c.Args[0])
	if err != nil {
		return err
	}
	if done, err := c.PrintStructured(a); done {
		return err
	}
	v := &view{alloc: a, now: c.Now(), verbose: f.verbose}
	if f.short {
		v.printShort(c)
	} else {
		if err := v.load(ctx, c, client); err != nil {
			return err
		}
		v.print(c, f)
	}
	c.Hint(ctx, "View this allocation in the web console", meta.ConsolePath("allocations", a.ID), f.ui)
	return nil
}

// load asks the node, and the servers about the future. What the node does not
// tell is left out with a warning.
func (v *view) load(ctx context.Context, c *meta.Call, client *apiclient.Client) error {
	a := v.alloc
	if a.FollowupEvalID() != "" {
		eval, _, err := apiclient.Get[*nl.Eval](ctx, client, "/v1/evaluation/"+a.FollowupEvalID(), nil)
		if err != nil && apiclient.CodeOf(err) != http.StatusNotFound {
			return fmt.Errorf("reading the evaluation that replaces the allocation: %w", err)
		}
		v.follow = eval
	}
	if a.ClientStatus != nl.AllocClientRunning {
		v.why = waiting(ctx, client, a)
		return nil
	}
	path := "/v1/client/allocation/" + a.ID
	stats, _, err := apiclient.Get[*nl.AllocResourceUsage](ctx, client, path+"/stats", nil)
	if err != nil {
		c.Warn(fmt.Sprintf("What the tasks use is not known: %v", err))
		return nil
	}
	v.stats = stats
	if v.checks, _, err = apiclient.Get[map[string]*nl.CheckQueryResult](ctx, client, path+"/checks", nil); err != nil {
		c.Warn(fmt.Sprintf("The results of checks are not known: %v", err))
	}
	return nil
}

// waiting is why an allocation that is to run does not, as far as is known; ""
// when that is no question. A server that does not explain leaves it open.
func waiting(ctx context.Context, client *apiclient.Client, a *nl.Alloc) string {
	if a.DesiredStatus != nl.AllocDesiredRun || a.ClientStatus != nl.AllocClientPending && a.ClientStatus != nl.AllocClientUnknown {
		return ""
	}
	x, _, err := apiclient.Get[*nl.AllocExplanation](ctx, client, "/v1/allocation/"+a.ID+"/explain", nil)
	if err != nil {
		return ""
	}
	for _, r := range x.Reasons {
		if r.AllocID == a.ID {
			return r.Text
		}
	}
	return ""
}

// printShort prints a summary and one line per task.
func (v *view) printShort(c *meta.Call) {
	a := v.alloc
	c.Print((&render.Pairs{}).
		Add("ID", a.ID).
		Add("Name", a.Name).
		Add("Created", render.When(a.CreateTime, v.now, v.verbose)).
		Add("Modified", render.When(a.ModifyTime, v.now, v.verbose)).String())
	t := render.NewTable("Name", "State", "Last Event", "Time", "Lifecycle")
	for _, name := range v.tasks() {
		state := a.TaskStates.Get(name)
		if state == nil {
			t.Row(name, nl.TaskStatePending, "", "", v.stage(name))
			continue
		}
		last, when := "", ""
		if n := len(state.Events); n > 0 {
			last, when = describe(state.Events[n-1]), render.Nanos(state.Events[n-1].Time)
		}
		t.Row(name, state.State, last, when, v.stage(name))
	}
	if t.Len() > 0 {
		c.Section("Tasks", t.String())
	}
}

func (v *view) print(c *meta.Call, f *statusFlags) {
	c.Print(v.basics())
	if v.why != "" {
		c.Section("Waiting", render.Wrap(v.why, render.Narrow, ""))
	}
	if title, body := v.addresses(); title != "" {
		c.Section(title, body)
	}
	if t := v.checkTable(); t.Len() > 0 {
		c.Section("Nomad Service Checks:", t.String())
	}
	for _, task := range v.tasks() {
		v.printTask(c, task, f.stats)
	}
	if v.verbose {
		if m := v.alloc.Metrics; m != nil {
			if text := watch.Metric(m, c.Colour, true, ""); text != "" {
				c.Section("Placement Metrics", strings.TrimLeft(text, "\n"))
			}
		}
	}
}

func (v *view) printTask(c *meta.Call, task string, stats bool) {
	state := v.alloc.TaskStates.Get(task)
	c.Section(v.taskTitle(task, state), "")
	if body := v.resources(task); body != "" {
		c.Print("Task Resources:\n" + body)
	}
	v.printStats(c, task, stats)
	v.printVolumes(c, task)
	if state == nil {
		return
	}
	c.Print("\nTask Events:\n" + life(state))
	if t := events(state); t.Len() > 0 {
		c.Print("\nRecent Events:\n" + t.String())
	}
}

// printStats prints what was measured of a task: a line per device, or with
// all everything.
func (v *view) printStats(c *meta.Call, task string, all bool) {
	used := v.usageOf(task)
	if used == nil {
		return
	}
	if !all {
		if rows := usage.Devices(used.DeviceStats); rows.Len() > 0 {
			c.Print("\nDevice Stats:\n" + rows.String())
		}
		return
	}
	if t := usage.MemoryTable(used.MemoryStats); t != nil {
		c.Print("\nMemory Stats:\n" + t.String())
	}
	if t := usage.CPUTable(used.CpuStats); t != nil {
		c.Print("\nCPU Stats:\n" + t.String())
	}
	if text := usage.DeviceDetails(used.DeviceStats); text != "" {
		c.Print("\nDevice Stats:\n" + text)
	}
}

// printVolumes prints the volumes that a task mounts, by their kind.
func (v *view) printVolumes(c *meta.Call, task string) {
	g := v.group()
	if g == nil || g.Task(task) == nil {
		return
	}
	host, csi := render.NewTable("ID", "Read Only"), render.NewTable("Name", "ID", "Read Only")
	for _, m := range g.Task(task).VolumeMounts {
		request := g.Volumes[m.Volume]
		if request == nil {
			continue
		}
		readOnly := fmt.Sprint(request.ReadOnly || m.ReadOnly)
		if request.Type == "csi" {
			csi.Row(m.Volume, request.Source, readOnly)
		} else {
			host.Row(request.Source, readOnly)
		}
	}
	if host.Len() > 0 {
		c.Print("\nHost Volumes:\n" + host.String())
	}
	if csi.Len() > 0 {
		c.Print("\nCSI Volumes:\n" + csi.String())
	}
}
