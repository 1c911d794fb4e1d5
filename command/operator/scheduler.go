package operator

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// schedulerPath is the route of the scheduler's settings.
const schedulerPath = "/v1/operator/scheduler/configuration"

// schedulerReply is the answer of that route.
type schedulerReply struct {
	SchedulerConfig *nl.SchedulerConfiguration
}

func readScheduler(ctx context.Context, client *apiclient.Client) (*schedulerReply, error) {
	reply, _, err := apiclient.Get[*schedulerReply](ctx, client, schedulerPath, nil)
	if err == nil && reply.SchedulerConfig == nil {
		err = errors.New("the agent told none")
	}
	if err != nil {
		return nil, fmt.Errorf("reading the settings of the scheduler: %w", err)
	}
	return reply, nil
}

func schedulerGet(*meta.Meta) *meta.Verb {
	return &meta.Verb{
		Name: "operator scheduler get-config", Summary: "Show the settings of the scheduler",
		Text: "Shows the settings that hold for all scheduling of the cluster.",
		Examples: []meta.Example{
			{Text: "The settings", Line: meta.Binary + " operator scheduler get-config"},
		},
		Flags: func(fl *meta.Flags) { fl.Output() },
		Do: func(ctx context.Context, c *meta.Call) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			reply, err := readScheduler(ctx, client)
			if err != nil {
				return err
			}
			if done, err := c.PrintStructured(reply); done {
				return err
			}
			s := reply.SchedulerConfig
			c.Print((&render.Pairs{}).
				Add("Scheduler Algorithm", s.SchedulerAlgorithm).
				Add("Memory Oversubscription", strconv.FormatBool(s.MemoryOversubscriptionEnabled)).
				Add("Reject Job Registration", strconv.FormatBool(s.RejectJobRegistration)).
				Add("Pause Eval Broker", strconv.FormatBool(s.PauseEvalBroker)).
				Add("Preemption System Scheduler", strconv.FormatBool(s.PreemptionConfig.SystemSchedulerEnabled)).
				Add("Preemption Service Scheduler", strconv.FormatBool(s.PreemptionConfig.ServiceSchedulerEnabled)).
				Add("Preemption Batch Scheduler", strconv.FormatBool(s.PreemptionConfig.BatchSchedulerEnabled)).
				Add("Preemption SysBatch Scheduler", strconv.FormatBool(s.PreemptionConfig.SysBatchSchedulerEnabled)).
				Add("Node Limit For Feasibility Checks", strconv.FormatUint(s.NodeLimitForFeasibilityChecks, 10)).
				AddIf(s.BatchFairShare, "Batch Fair Share", strconv.FormatBool(s.BatchFairShare)).
				Add("Modify Index", strconv.FormatUint(s.ModifyIndex, 10)).String())
			return nil
		},
	}
}

// schedulerFlags are the settings that are given.
type schedulerFlags struct {
	index                            *uint64
	algorithm                        string
	oversubscription, reject, pause  *bool
	batch, service, sysbatch, system *bool
	nodeLimit                        *uint64
	fairShare                        *bool
}

func schedulerSet(*meta.Meta) *meta.Verb {
	var f schedulerFlags
	return &meta.Verb{
		Name: "operator scheduler set-config", Summary: "Change the settings of the scheduler",
		Text: "Changes those settings that are given; the others stay as they are.",
		Examples: []meta.Example{
			{Text: "Spread allocations instead of packing them", Line: meta.Binary + " operator scheduler set-config -scheduler-algorithm=spread"},
			{Text: "Share a full cluster between namespaces", Line: meta.Binary + " operator scheduler set-config -batch-fair-share=true"},
			{Text: "Schedule nothing for now", Line: meta.Binary + " operator scheduler set-config -pause-eval-broker=true"},
		},
		Flags: func(fl *meta.Flags) {
			fl.Index(&f.index, "check-index", "<index>", "Change nothing unless this is the settings' Modify Index.")
			fl.Choice(&f.algorithm, "scheduler-algorithm", "", []string{"binpack", "spread"}, "Whether to fill nodes one by one or evenly.")
			fl.OptionalBool(&f.oversubscription, "memory-oversubscription", "Let tasks use up to their memory_max.")
			fl.OptionalBool(&f.reject, "reject-job-registration", "Let only management tokens register jobs.")
			fl.OptionalBool(&f.pause, "pause-eval-broker", "Schedule nothing.")
			fl.OptionalBool(&f.batch, "preempt-batch-scheduler", "Let batch jobs displace work of lower priority.")
			fl.OptionalBool(&f.service, "preempt-service-scheduler", "Let service jobs displace work of lower priority.")
			fl.OptionalBool(&f.sysbatch, "preempt-sysbatch-scheduler", "Let sysbatch jobs displace work of lower priority.")
			fl.OptionalBool(&f.system, "preempt-system-scheduler", "Let system jobs displace work of lower priority.")
			fl.OptionalBool(&f.fairShare, "batch-fair-share", "Give batch work of namespaces the cluster by their weights when it is full.")
			fl.Index(&f.nodeLimit, "node-limit-for-feasibility-checks", "<n>", "How many nodes to look at for one allocation at most. 0 sets no limit.")
		},
		Do: f.run,
	}
}

func (f *schedulerFlags) run(ctx context.Context, c *meta.Call) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	reply, err := readScheduler(ctx, client)
	if err != nil {
		return err
	}
	s := reply.SchedulerConfig
	if f.algorithm != "" {
		s.SchedulerAlgorithm = f.algorithm
	}
	over(&s.MemoryOversubscriptionEnabled, f.oversubscription)
	over(&s.RejectJobRegistration, f.reject)
	over(&s.PauseEvalBroker, f.pause)
	over(&s.PreemptionConfig.BatchSchedulerEnabled, f.batch)
	over(&s.PreemptionConfig.ServiceSchedulerEnabled, f.service)
	over(&s.PreemptionConfig.SysBatchSchedulerEnabled, f.sysbatch)
	over(&s.PreemptionConfig.SystemSchedulerEnabled, f.system)
	over(&s.NodeLimitForFeasibilityChecks, f.nodeLimit)
	over(&s.BatchFairShare, f.fairShare)
	q := &apiclient.Query{Params: map[string]string{}}
	if f.index != nil {
		q.Params["cas"] = strconv.FormatUint(*f.index, 10)
	}
	done, _, err := apiclient.Put[struct{ Updated bool }](ctx, client, schedulerPath, s, q)
	if err != nil {
		return fmt.Errorf("changing the settings of the scheduler: %w", err)
	}
	if !done.Updated {
		return fmt.Errorf("the settings were not changed: their Modify Index is %d now", s.ModifyIndex)
	}
	c.Print("Scheduler configuration updated!")
	return nil
}
