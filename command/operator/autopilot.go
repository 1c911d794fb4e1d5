package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// autopilotPath is the route of autopilot's settings.
const autopilotPath = "/v1/operator/autopilot/configuration"

func autopilotGet(*meta.Meta) *meta.Verb {
	return &meta.Verb{
		Name: "operator autopilot get-config", Summary: "Show the settings of autopilot",
		Text: "Shows the settings by which the servers are watched.",
		Examples: []meta.Example{
			{Text: "The settings", Line: meta.Binary + " operator autopilot get-config"},
		},
		Flags: func(fl *meta.Flags) { fl.Output() },
		Do: func(ctx context.Context, c *meta.Call) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			conf, _, err := apiclient.Get[*nl.AutopilotConfig](ctx, client, autopilotPath, nil)
			if err != nil {
				return fmt.Errorf("reading the settings of autopilot: %w", err)
			}
			if done, err := c.PrintStructured(conf); done {
				return err
			}
			c.Printf("CleanupDeadServers = %v\nLastContactThreshold = %s\nMaxTrailingLogs = %d\nServerStabilizationTime = %s\nMinQuorum = %d\n"+
				"EnableRedundancyZones = %v\nDisableUpgradeMigration = %v\nEnableCustomUpgrades = %v",
				conf.CleanupDeadServers, conf.LastContactThreshold, conf.MaxTrailingLogs, conf.ServerStabilizationTime, conf.MinQuorum,
				conf.EnableRedundancyZones, conf.DisableUpgradeMigration, conf.EnableCustomUpgrades)
			return nil
		},
	}
}

func autopilotSet(*meta.Meta) *meta.Verb {
	var cleanup, zones, upgrades, custom *bool
	var logs, quorum *uint64
	var contact, stable *time.Duration
	return &meta.Verb{
		Name: "operator autopilot set-config", Summary: "Change the settings of autopilot",
		Text: "Changes those settings that are given; the others stay as they are.",
		Examples: []meta.Example{
			{Text: "Keep dead servers in the cluster", Line: meta.Binary + " operator autopilot set-config -cleanup-dead-servers=false"},
		},
		Flags: func(fl *meta.Flags) {
			fl.OptionalBool(&cleanup, "cleanup-dead-servers", "Remove dead servers when new ones have joined.")
			fl.Index(&logs, "max-trailing-logs", "<n>", "How many entries of the log a healthy server may be behind the leader.")
			fl.Index(&quorum, "min-quorum", "<n>", "How many servers must remain when dead ones are removed.")
			fl.OptionalDuration(&contact, "last-contact-threshold", "<duration>", "How long ago a healthy server heard of the leader at most.")
			fl.OptionalDuration(&stable, "server-stabilization-time", "<duration>", "How long a new server must be healthy before it votes.")
			fl.OptionalBool(&zones, "enable-redundancy-zones", "Keep one voter in each redundancy zone.")
			fl.OptionalBool(&upgrades, "disable-upgrade-migration", "Do not wait for enough servers of a newer version before they vote.")
			fl.OptionalBool(&custom, "enable-custom-upgrades", "Compare the upgrade_version of servers instead of their version.")
		},
		Do: func(ctx context.Context, c *meta.Call) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			conf, _, err := apiclient.Get[*nl.AutopilotConfig](ctx, client, autopilotPath, nil)
			if err != nil {
				return fmt.Errorf("reading the settings of autopilot: %w", err)
			}
			over(&conf.CleanupDeadServers, cleanup)
			over(&conf.MaxTrailingLogs, logs)
			over(&conf.MinQuorum, quorum)
			over(&conf.EnableRedundancyZones, zones)
			over(&conf.DisableUpgradeMigration, upgrades)
			over(&conf.EnableCustomUpgrades, custom)
			if contact != nil {
				conf.LastContactThreshold = contact.String()
			}
			if stable != nil {
				conf.ServerStabilizationTime = stable.String()
			}
			q := &apiclient.Query{Params: map[string]string{"cas": strconv.FormatUint(conf.ModifyIndex, 10)}}
			changed, _, err := apiclient.Put[bool](ctx, client, autopilotPath, conf, q)
			if err != nil {
				return fmt.Errorf("changing the settings of autopilot: %w", err)
			}
			if !changed {
				return errors.New("someone else has changed the settings at the same time: look at them and try again")
			}
			c.Print("Configuration updated!")
			return nil
		},
	}
}

// over replaces a value by one that was given.
func over[T any](value *T, given *T) {
	if given != nil {
		*value = *given
	}
}

func autopilotHealth(*meta.Meta) *meta.Verb {
	return &meta.Verb{
		Name: "operator autopilot health", Summary: "Show how the servers are",
		Text: "Shows whether the servers are healthy, and how many may fail before the cluster does.",
		Examples: []meta.Example{
			{Text: "How the servers are", Line: meta.Binary + " operator autopilot health"},
		},
		Flags: func(fl *meta.Flags) { fl.Output() },
		Do: func(ctx context.Context, c *meta.Call) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			health, err := readHealth(ctx, client)
			if err != nil {
				return err
			}
			if done, err := c.PrintStructured(health); done {
				return err
			}
			c.Printf("Healthy: %v\nFailureTolerance: %d\nLeader: %s\nVoters: %s", health.Healthy, health.FailureTolerance, health.Leader, strings.Join(health.Voters, ", "))
			t := render.NewTable("ID", "Name", "Address", "SerfStatus", "Version", "Leader", "Voter", "Healthy", "LastContact", "LastTerm", "LastIndex", "StableSince")
			for _, s := range health.Servers {
				t.Row(s.ID, s.Name, s.Address, s.SerfStatus, s.Version, strconv.FormatBool(s.Leader), strconv.FormatBool(s.Voter), strconv.FormatBool(s.Healthy),
					s.LastContact, strconv.FormatUint(s.LastTerm, 10), strconv.FormatUint(s.LastIndex, 10), render.Time(s.StableSince.Local()))
			}
			if t.Len() > 0 {
				c.Section("Servers:", t.String())
			}
			return nil
		},
	}
}

// readHealth is how the servers are. An unhealthy cluster answers with an error
// status that carries the same facts.
func readHealth(ctx context.Context, client *apiclient.Client) (*nl.OperatorHealthReply, error) {
	health, _, err := apiclient.Get[*nl.OperatorHealthReply](ctx, client, "/v1/operator/autopilot/health", nil)
	var status *apiclient.StatusError
	if errors.As(err, &status) && status.Code == http.StatusTooManyRequests {
		health = &nl.OperatorHealthReply{}
		err = json.Unmarshal([]byte(status.Body), health)
	}
	if err != nil {
		return nil, fmt.Errorf("asking how the servers are: %w", err)
	}
	return health, nil
}
