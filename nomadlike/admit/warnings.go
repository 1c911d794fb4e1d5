package admit

import (
	"fmt"
	"slices"
	"strconv"
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

// warn tells what is accepted but hardly meant.
func warn(w findings, job *nomadlike.Job, s Settings) {
	warnPeriodic(w, job.Periodic)
	warnTargets(w, job.Constraints, job.Affinities)
	var promoted, manual []findings
	for i, g := range job.TaskGroups {
		at := w.group(i, g)
		if g.Update != nil && !isBatch(job) {
			if g.Update.AutoPromote {
				promoted = append(promoted, at)
			} else {
				manual = append(manual, at)
			}
			if g.Update.MaxParallel > g.Count && g.Count > 1 {
				at.addf("Update/MaxParallel", "Group %q: update max_parallel (%d) is greater than the count (%d); all allocations are replaced at once", g.Name, g.Update.MaxParallel, g.Count)
			}
		}
		warnGroup(at, g, s)
	}
	if len(promoted) > 0 && len(manual) > 0 {
		manual[0].addf("Update/AutoPromote", "auto_promote must be true for all groups to enable automatic promotion")
	}
}

func warnPeriodic(w findings, p *nomadlike.Periodic) {
	if p == nil {
		return
	}
	lines := func(field, spec string) {
		line, err := cron.Parse(spec)
		if err != nil || !p.Enabled {
			return // refused by validation, or never looked at
		}
		for _, text := range line.Warnings() {
			w.addf("Periodic/"+field, "Cron line %q %s", spec, text)
		}
	}
	if p.Spec != "" {
		w.addf("Periodic/Spec", "periodic.cron is deprecated; use periodic.crons")
		lines("Spec", p.Spec)
	}
	for i, spec := range p.Specs {
		lines("Specs/"+strconv.Itoa(i), spec)
	}
}

// warnTargets finds attributes of nodes that are written as plain text, which
// is the same on every node.
func warnTargets(w findings, constraints []*nomadlike.Constraint, affinities []*nomadlike.Affinity) {
	plain := func(list string, i int, target string) {
		if !strings.Contains(target, "${") && strings.Contains(target, ".") && schedulable(target) {
			w.element(list, i, "", "").addf("LTarget", "%q is the same text on every node; the attribute is written \"${%s}\"", target, target)
		}
	}
	for i, c := range constraints {
		plain("Constraints", i, c.LTarget)
	}
	for i, a := range affinities {
		plain("Affinities", i, a.LTarget)
	}
}

func warnGroup(w findings, g *nomadlike.Group, s Settings) {
	warnTargets(w, g.Constraints, g.Affinities)
	for i, n := range g.Networks {
		at := w.element("Networks", i, "", "")
		if n.MBits > 0 {
			at.addf("MBits", "Group %q: mbits has been deprecated and has no effect; remove it from the network block", g.Name)
		}
		if n.Mode == "" || strings.HasPrefix(n.Mode, "cni/") || slices.Contains(networkModes(), n.Mode) {
			continue
		}
		if hint := spell.Hint(n.Mode, networkModes()); hint != "" {
			at.addf("Mode", "Group %q: no network mode is called %q.%s", g.Name, n.Mode, hint)
		}
	}
	groupDelay := g.ShutdownDelay != nil && *g.ShutdownDelay > 0
	anyDelay := groupDelay
	for _, t := range g.Tasks {
		anyDelay = anyDelay || t.ShutdownDelay > 0
	}
	for i, svc := range g.Services {
		at, delayed := w.service(i, svc), anyDelay
		if svc.TaskName != "" {
			if t := g.Task(svc.TaskName); t != nil {
				delayed = groupDelay || t.ShutdownDelay > 0
			}
		}
		if !delayed {
			at.addf("", "Service %q of group %q has no shutdown_delay: requests may reach it while it stops", svc.Name, g.Name)
		}
		if svc.Identity != nil {
			warnIdentity(at.below("Identity"), svc.Identity, "Service "+svc.Name)
		}
	}
	for i, t := range g.Tasks {
		warnTask(w.task(i, t), g, t, s)
	}
}

func warnTask(w findings, g *nomadlike.Group, t *nomadlike.Task, s Settings) {
	name := g.Name + "." + t.Name
	if !slices.Contains(wellKnownDrivers(), t.Driver) {
		if hint := spell.Hint(t.Driver, wellKnownDrivers()); hint != "" {
			w.addf("Driver", "Task %q: driver %q is not a well-known one.%s", name, t.Driver, hint)
		}
	}
	warnTargets(w, t.Constraints, t.Affinities)
	for i, svc := range t.Services {
		if t.ShutdownDelay <= 0 {
			w.service(i, svc).addf("", "Service %q of task %q has no shutdown_delay: requests may reach it while it stops", svc.Name, name)
		}
	}
	if r := t.Resources; r != nil {
		if len(r.Networks) > 0 {
			w.addf("Resources/Networks", "Task %q: task network resources have been deprecated; use a group network", name)
		}
		if r.IOPS > 0 {
			w.addf("Resources/IOPS", "Task %q: iops has been deprecated and has no effect", name)
		}
		if r.MemoryMaxMB != 0 && !s.MemoryOversubscription {
			w.addf("Resources/MemoryMaxMB", "Memory oversubscription is not enabled; Task %q memory_max value will be ignored. Update the scheduler configuration to allow oversubscription.", name)
		}
	}
	for i, tmpl := range t.Templates {
		if tmpl.VaultGrace > 0 {
			w.element("Templates", i, "", "").addf("VaultGrace", "Task %q: vault_grace has been deprecated and has no effect", name)
		}
	}
	for i, id := range t.Identities {
		at := w.element("Identities", i, "", "")
		warnIdentity(at, id, "Task "+name)
		if len(id.Name) > len("vault_") && strings.HasPrefix(id.Name, "vault_") && t.Vault == nil {
			at.addf("Name", "Task %q has a Vault identity %q but no vault block", name, id.Name)
		}
	}
	if t.Identity != nil && t.Identity.Env && t.Identity.ChangeMode != "restart" && t.Identity.TTL > 0 {
		w.addf("Identity/ChangeMode", "Task %q: identity with env needs change_mode \"restart\" to see new tokens", name)
	}
}

func warnIdentity(w findings, id *nomadlike.WorkloadIdentity, owner string) {
	warn := func(field, format string, args ...any) {
		w.addf(field, "%s: identity %q %s", owner, id.Name, fmt.Sprintf(format, args...))
	}
	switch len(id.Audience) {
	case 0:
		warn("Audience", "has no audience; the token is accepted by whoever does not check it")
	case 1:
	default:
		warn("Audience", "has %d audiences; each of them can use the token at the others", len(id.Audience))
	}
	if id.TTL == 0 {
		warn("TTL", "has no ttl; the token never expires")
	}
	if id.Env && id.ChangeMode != "restart" {
		warn("ChangeMode", "is an environment variable, which does not change until the task restarts: set change_mode to \"restart\"")
	}
}
