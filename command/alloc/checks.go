package alloc

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func checks(*meta.Meta) *meta.Verb {
	var verbose bool
	return &meta.Verb{
		Name: "alloc checks", Args: "<allocation>", MinArgs: 1, MaxArgs: 1,
		Summary: "Show the results of an allocation's service checks",
		Text:    "Shows the newest result of every check of the services that the allocation registers with the built-in provider.",
		Examples: []meta.Example{
			{Text: "Show the checks of an allocation", Line: meta.Binary + " alloc checks f7a3c"},
		},
		Flags: func(fl *meta.Flags) {
			fl.Verbose(&verbose)
			fl.Output()
		},
		Predict: meta.Predict("allocs"),
		Do: func(ctx context.Context, c *meta.Call) error {
			stub, err := c.Alloc(ctx, c.Args[0])
			if err != nil {
				return err
			}
			client, err := c.Client()
			if err != nil {
				return err
			}
			results, _, err := apiclient.Get[map[string]*nl.CheckQueryResult](ctx, client, "/v1/client/allocation/"+stub.ID+"/checks", nil)
			if err != nil {
				return fmt.Errorf("reading the checks of allocation %s: %w", stub.ID, err)
			}
			if done, err := c.PrintStructured(results); done {
				return err
			}
			if len(results) == 0 {
				c.Print("The allocation has no checks")
				return nil
			}
			blocks := make([]string, 0, len(results))
			for _, r := range sortedChecks(results) {
				blocks = append(blocks, checkBlock(r))
			}
			c.Printf("Status of %s", render.Count(len(results), "service check"))
			c.Print("\n" + strings.Join(blocks, "\n\n"))
			return nil
		},
	}
}

// checkBlock is all that is known of a check.
func checkBlock(r *nl.CheckQueryResult) string {
	task := r.Task
	if task == "" {
		task = "(group)"
	}
	return (&render.Pairs{}).
		Add("ID", r.ID).
		Add("Name", r.Check).
		Add("Group", r.Group).
		Add("Task", task).
		Add("Service", r.Service).
		Add("Status", r.Status).
		AddIf(r.StatusCode != 0, "StatusCode", strconv.Itoa(r.StatusCode)).
		Add("Mode", r.Mode).
		Add("Timestamp", render.Time(time.Unix(r.Timestamp, 0))).
		Add("Output", strings.TrimSpace(r.Output)).String()
}
