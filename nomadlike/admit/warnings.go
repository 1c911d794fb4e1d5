package admit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/cron"
	"github.com/nomadlike/nomadlike/nomadlike/spell"
)

// wellKnownDrivers are those that job files name, the built-in ones first: a name
// that is almost one of them is likely misspelt. Which drivers there are, only
// nodes know.
func wellKnownDrivers() []string {
	return []string{
		"docker", "exec", "raw_exec", "java", "qemu", "mock_driver", "containerd",
		"podman", "exec2", "containerd-driver", "nomad-driver-virt", "virt", "lxc", "nspawn", "firecracker-task-driver",
		"pledge", "jail-task-driver", "singularity", "rkt", "iis", "win_exec", "win_iis",
	}
}

// networkModes are those that nodes know, but for those of CNI.
func networkModes() []string { return []string{"bridge", "host", "none"} }

// warningsOf tells what is accepted but hardly meant.
func warningsOf(job *nomadlike.Job, s Settings) []string {
	var out []string
	warn := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	out = append(out, periodicWarnings(job.Periodic)...)
	promoted, updated := 0, 0
	for _, g := range job.TaskGroups {
		if g.Update != nil && !isBatch(job) {
			updated++
			if g.Update.AutoPromote {
				promoted++
			}
			if g.Update.MaxParallel > g.Count && g.Count > 1 {
				warn("Group %q: update max_parallel (%d) is greater than the count (%d); all allocations are replaced at once", g.Name, g.Update.MaxParallel, g.Count)
			}
		}
		out = append(out, groupWarnings(g, s)...)
	}
	if promoted > 0 && promoted < updated {
		warn("auto_promote must be true for all groups to enable automatic promotion")
	}
	return out
}

func periodicWarnings(p *nomadlike.Periodic) []string {
	if p == nil {
		return nil
	}
	var out []string
	specs := p.Specs
	if p.Spec != "" {
		out = append(out, "periodic.cron is deprecated; use periodic.crons")
		specs = append([]string{p.Spec}, specs...)
	}
	if !p.Enabled {
		return out
	}
	for _, spec := range specs {
		line, err := cron.Parse(spec)
		if err != nil {
			continue // refused by validation
		}
		for _, text := range line.Warnings() {
			out = append(out, fmt.Sprintf("Cron line %q %s", spec, text))
		}
	}
	return out
}

func groupWarnings(g *nomadlike.Group, s Settings) []string {
	var out []string
	warn := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for _, n := range g.Networks {
		if n.MBits > 0 {
			warn("Group %q: mbits has been deprecated and has no effect; remove it from the network block", g.Name)
		}
	}
	for _, n := range g.Networks {
		if n.Mode == "" || strings.HasPrefix(n.Mode, "cni/") || slices.Contains(networkModes(), n.Mode) {
			continue
		}
		if hint := spell.Hint(n.Mode, networkModes()); hint != "" {
			warn("Group %q: no network mode is called %q.%s", g.Name, n.Mode, hint)
		}
	}
	groupDelay := g.ShutdownDelay != nil && *g.ShutdownDelay > 0
	anyDelay := groupDelay
	for _, t := range g.Tasks {
		anyDelay = anyDelay || t.ShutdownDelay > 0
	}
	for _, svc := range g.Services {
		delayed := anyDelay
		if svc.TaskName != "" {
			if t := g.Task(svc.TaskName); t != nil {
				delayed = groupDelay || t.ShutdownDelay > 0
			}
		}
		if !delayed {
			warn("Service %q of group %q has no shutdown_delay: requests may reach it while it stops", svc.Name, g.Name)
		}
		if svc.Identity != nil {
			out = append(out, identityWarnings(svc.Identity, "Service "+svc.Name)...)
		}
	}
	for _, t := range g.Tasks {
		out = append(out, taskWarnings(g, t, s)...)
	}
	return out
}

func taskWarnings(g *nomadlike.Group, t *nomadlike.Task, s Settings) []string {
	var out []string
	warn := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	name := g.Name + "." + t.Name
	if !slices.Contains(wellKnownDrivers(), t.Driver) {
		if hint := spell.Hint(t.Driver, wellKnownDrivers()); hint != "" {
			warn("Task %q: driver %q is not a well-known one.%s", name, t.Driver, hint)
		}
	}
	for _, svc := range t.Services {
		if t.ShutdownDelay <= 0 {
			warn("Service %q of task %q has no shutdown_delay: requests may reach it while it stops", svc.Name, name)
		}
	}
	if r := t.Resources; r != nil {
		if len(r.Networks) > 0 {
			warn("Task %q: task network resources have been deprecated; use a group network", name)
		}
		if r.IOPS > 0 {
			warn("Task %q: iops has been deprecated and has no effect", name)
		}
		if r.MemoryMaxMB != 0 && !s.MemoryOversubscription {
			warn("Memory oversubscription is not enabled; Task %q memory_max value will be ignored. Update the scheduler configuration to allow oversubscription.", name)
		}
	}
	for _, tmpl := range t.Templates {
		if tmpl.VaultGrace > 0 {
			warn("Task %q: vault_grace has been deprecated and has no effect", name)
		}
	}
	for _, id := range t.Identities {
		out = append(out, identityWarnings(id, "Task "+name)...)
		if len(id.Name) > 6 && id.Name[:6] == "vault_" && t.Vault == nil {
			warn("Task %q has a Vault identity %q but no vault block", name, id.Name)
		}
	}
	if t.Identity != nil && t.Identity.Env && t.Identity.ChangeMode != "restart" && t.Identity.TTL > 0 {
		warn("Task %q: identity with env needs change_mode \"restart\" to see new tokens", name)
	}
	return out
}

func identityWarnings(id *nomadlike.WorkloadIdentity, owner string) []string {
	var out []string
	warn := func(format string, args ...any) {
		out = append(out, fmt.Sprintf("%s: identity %q ", owner, id.Name)+fmt.Sprintf(format, args...))
	}
	switch len(id.Audience) {
	case 0:
		warn("has no audience; the token is accepted by whoever does not check it")
	case 1:
	default:
		warn("has %d audiences; each of them can use the token at the others", len(id.Audience))
	}
	if id.TTL == 0 {
		warn("has no ttl; the token never expires")
	}
	if id.Env && id.ChangeMode != "restart" {
		warn("is an environment variable, which does not change until the task restarts: set change_mode to \"restart\"")
	}
	return out
}
