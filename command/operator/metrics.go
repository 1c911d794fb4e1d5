package operator

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func metrics(*meta.Meta) *meta.Verb {
	var pretty bool
	var format string
	return &meta.Verb{
		Name: "operator metrics", Summary: "Show the metrics of an agent",
		Text: "Prints what the agent has measured in the last interval.",
		Examples: []meta.Example{
			{Text: "As Prometheus reads them", Line: meta.Binary + " operator metrics -format prometheus"},
		},
		Flags: func(fl *meta.Flags) {
			fl.Bool(&pretty, "pretty", false, "Indent the JSON.")
			fl.String(&format, "format", "", "<format>", "prometheus, or nothing for JSON.")
			fl.Output()
		},
		Do: func(ctx context.Context, c *meta.Call) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			if c.Structured() {
				summary, _, err := apiclient.Get[*nl.MetricsSummary](ctx, client, "/v1/metrics", nil)
				if err != nil {
					return fmt.Errorf("reading the metrics: %w", err)
				}
				_, err = c.PrintStructured(summary)
				return err
			}
			q := &apiclient.Query{Params: map[string]string{}}
			if format != "" {
				q.Params["format"] = format
			}
			body, err := client.Stream(ctx, "/v1/metrics", q)
			if err != nil {
				return fmt.Errorf("reading the metrics: %w", err)
			}
			defer body.Close()
			raw, err := io.ReadAll(body)
			if err != nil {
				return fmt.Errorf("reading the metrics: %w", err)
			}
			text := strings.TrimRight(string(raw), "\n")
			if pretty && format == "" {
				if text, err = render.JSON(json.RawMessage(raw)); err != nil {
					return err
				}
			}
			c.Print(text)
			return nil
		},
	}
}
