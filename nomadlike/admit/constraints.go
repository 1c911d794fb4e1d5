package admit

import (
	"maps"
	"slices"
	"strings"

	"github.com/nomadlike/nomadlike/nomadlike"
)

// bridgePlugins are the network plugins that a bridge network needs on a node.
var bridgePlugins = [...]string{"bridge", "firewall", "host-local", "loopback", "portmap"}

// sameness tells whether a constraint makes an implied one unnecessary.
type sameness func(have, implied *nomadlike.Constraint) bool

func sameTarget(have, implied *nomadlike.Constraint) bool { return have.LTarget == implied.LTarget }

func sameConstraint(have, implied *nomadlike.Constraint) bool { return *have == *implied }

func constraint(target, operand, value string) *nomadlike.Constraint {
	return &nomadlike.Constraint{LTarget: target, Operand: operand, RTarget: value}
}

// addConstraint appends the constraint unless the list has its like.
func addConstraint(list *[]*nomadlike.Constraint, same sameness, c *nomadlike.Constraint) {
	if !slices.ContainsFunc(*list, func(have *nomadlike.Constraint) bool { return same(have, c) }) {
		*list = append(*list, c)
	}
}

func versionConstraint(bound string) *nomadlike.Constraint {
	return constraint("${attr.nomad.version}", "semver", bound)
}

func identityConstraint() *nomadlike.Constraint { return versionConstraint(">= 1.7.0-a") }

func consulConstraint(cluster string) *nomadlike.Constraint {
	return constraint(clusterAttr("consul", cluster, "version"), "semver", ">= 1.8.0")
}

// impliedConstraints keeps every group on nodes that can do what it asks for.
func impliedConstraints(job *nomadlike.Job) {
	providers := secretProviders(job)
	for _, g := range job.TaskGroups {
		uses := usesOf(g)
		for _, cluster := range slices.Sorted(maps.Keys(uses.vault)) {
			bound := ">= 1.11.0"
			if cluster == defaultCluster {
				bound = ">= 0.6.1"
			}
			addConstraint(&g.Constraints, sameTarget, constraint(clusterAttr("vault", cluster, "version"), "semver", bound))
		}
		for _, p := range providers {
			addConstraint(&g.Constraints, sameTarget, constraint("${attr.plugins.secrets."+p+".version}", "is_set", ""))
		}
		if uses.numa {
			addConstraint(&g.Constraints, sameConstraint, versionConstraint(">= 1.6.3-dev"))
			addConstraint(&g.Constraints, sameConstraint, constraint("${attr.kernel.name}", "=", "linux"))
		}
		if len(uses.signals) > 0 {
			signals := strings.Join(slices.Sorted(maps.Keys(uses.signals)), ",")
			addConstraint(&g.Constraints, sameTarget, constraint("${attr.os.signals}", "set_contains", signals))
		}
		serviceConstraints(g, uses)
		networkConstraints(g, uses)
		if uses.schedule {
			addConstraint(&g.Constraints, sameConstraint, versionConstraint(">= 1.8.0-dev"))
		}
		if uses.identity {
			addConstraint(&g.Constraints, sameConstraint, identityConstraint())
		}
	}
}

func serviceConstraints(g *nomadlike.Group, uses groupUses) {
	if uses.nomadService {
		addConstraint(&g.Constraints, sameConstraint, constraint("${attr.nomad.service_discovery}", "=", "true"))
	}
	if uses.nomadCheck {
		addConstraint(&g.Constraints, sameConstraint, versionConstraint(">= 1.4.0"))
	}
	for _, s := range g.Services {
		if s.Provider == "consul" {
			addConstraint(&g.Constraints, sameTarget, consulConstraint(s.Cluster))
		}
	}
	for _, t := range g.Tasks {
		for _, s := range t.Services {
			if s.Provider == "consul" {
				addConstraint(&t.Constraints, sameTarget, consulConstraint(s.Cluster))
			}
		}
	}
}

func networkConstraints(g *nomadlike.Group, uses groupUses) {
	if slices.ContainsFunc(g.Networks, func(n *nomadlike.Network) bool { return n.Mode == "bridge" }) {
		for _, plugin := range bridgePlugins {
			addConstraint(&g.Constraints, sameTarget, constraint("${attr.plugins.cni.version."+plugin+"}", "semver", ">= 0.4.0"))
		}
	}
	if uses.transparentProxy {
		addConstraint(&g.Constraints, sameTarget, constraint("${attr.plugins.cni.version.consul-cni}", "semver", ">= 1.4.2"))
		addConstraint(&g.Constraints, sameConstraint, versionConstraint(">= 1.8.0-dev"))
	}
}

// secretProviders are the providers that any secret block of the job names, in
// the order of their first use.
func secretProviders(job *nomadlike.Job) []string {
	var out []string
	for _, g := range job.TaskGroups {
		for _, t := range g.Tasks {
			for _, s := range t.Secrets {
				if !slices.Contains(out, s.Provider) {
					out = append(out, s.Provider)
				}
			}
		}
	}
	return out
}

// groupUses is what a group asks of a node beyond resources.
type groupUses struct {
	vault            map[string]bool // clusters
	signals          map[string]bool
	numa             bool
	nomadService     bool
	nomadCheck       bool
	transparentProxy bool
	schedule         bool
	identity         bool
}

func usesOf(g *nomadlike.Group) groupUses {
	u := groupUses{vault: map[string]bool{}, signals: map[string]bool{}}
	for _, s := range g.Services {
		u.service(s)
	}
	for _, t := range g.Tasks {
		for _, s := range t.Services {
			u.service(s)
		}
		u.task(t)
	}
	return u
}

func (u *groupUses) service(s *nomadlike.Service) {
	if s.Provider == "nomad" {
		u.nomadService = true
		u.nomadCheck = u.nomadCheck || len(s.Checks) > 0
	}
	u.identity = u.identity || s.Identity != nil
	if c := s.Connect; c != nil && c.SidecarService != nil && c.SidecarService.Proxy != nil {
		u.transparentProxy = u.transparentProxy || c.SidecarService.Proxy.TransparentProxy != nil
	}
}

func (u *groupUses) task(t *nomadlike.Task) {
	signal := func(wanted bool, name string) {
		if wanted && name != "" {
			u.signals[name] = true
		}
	}
	signal(true, t.KillSignal)
	for _, tmpl := range t.Templates {
		signal(tmpl.ChangeMode == "signal", tmpl.ChangeSignal)
	}
	if t.Vault != nil {
		u.vault[t.Vault.Cluster] = true
		signal(t.Vault.ChangeMode == "signal", t.Vault.ChangeSignal)
	}
	u.identity = u.identity || len(t.Identities) > 0
	u.schedule = u.schedule || t.Schedule != nil
	if t.Resources != nil && t.Resources.NUMA != nil {
		u.numa = u.numa || requestsNUMA(t.Resources.NUMA)
	}
}

func requestsNUMA(n *nomadlike.NUMA) bool { return n.Affinity != "" && n.Affinity != "none" }
