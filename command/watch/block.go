package watch

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// JobPath is the path of what belongs to a job in the API.
func JobPath(id string, parts ...string) string {
	return "/v1/job/" + strings.Join(append([]string{url.PathEscape(id)}, parts...), "/")
}

// Block is a deployment: what it is, and how far each group has come.
func Block(d *nl.Deployment, colour render.Palette, verbose bool) string {
	var kv render.Pairs
	kv.Add("ID", render.ID(d.ID, verbose)).
		Add("Job ID", d.JobID).
		Add("Job Version", fmt.Sprint(d.JobVersion)).
		Add("Status", d.Status).
		Add("Description", d.StatusDescription)
	out := kv.String()
	if len(d.TaskGroups) > 0 {
		out += "\n\n" + colour.Bold("Deployed") + "\n" + Deployed(d)
	}
	return out
}

// Deployed is the table of the groups of a deployment.
func Deployed(d *nl.Deployment) string {
	var revert, canary, deadline bool
	for _, g := range d.TaskGroups {
		revert = revert || g.AutoRevert
		canary = canary || g.DesiredCanaries > 0
		deadline = deadline || !g.RequireProgressBy.IsZero()
	}
	t := render.NewTable("Task Group", render.If(revert, "Auto Revert"), render.If(canary, "Promoted"), "Desired",
		render.If(canary, "Canaries"), "Placed", "Healthy", "Unhealthy", render.If(deadline, "Progress Deadline"))
	for _, name := range render.Keys(d.TaskGroups) {
		g := d.TaskGroups[name]
		promoted, canaries, by := "N/A", "N/A", "N/A"
		if g.DesiredCanaries > 0 {
			promoted, canaries = fmt.Sprint(g.Promoted), fmt.Sprint(g.DesiredCanaries)
		}
		if !g.RequireProgressBy.IsZero() {
			by = g.RequireProgressBy.Local().Format(time.RFC3339)
		}
		t.Row(name, fmt.Sprint(g.AutoRevert), promoted, fmt.Sprint(g.DesiredTotal), canaries,
			fmt.Sprint(g.PlacedAllocs), fmt.Sprint(g.HealthyAllocs), fmt.Sprint(g.UnhealthyAllocs), by)
	}
	return t.String()
}
