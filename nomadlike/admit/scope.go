package admit

import (
	"slices"
	"strings"

	"github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/expr"
)

// checkVault looks at the Vault clusters that tasks name.
func checkVault(p *Problems, job *nomadlike.Job, s Settings) {
	for _, g := range job.TaskGroups {
		for _, t := range g.Tasks {
			if t.Vault == nil {
				continue
			}
			if cluster, known := s.Vault[t.Vault.Cluster]; s.Vault != nil && (!known || !cluster.Enabled) {
				p.addf("Vault %q not enabled but task %q uses it; configure the cluster on the servers or remove the vault block", t.Vault.Cluster, t.Name)
			}
			if t.Vault.Namespace != "" {
				p.addf("Task %q: Vault namespaces are not supported by this server", t.Name)
			}
			if c := s.vaultRules(); c != nil && !permitted(t.Vault.Cluster, c.Default, c.Allowed, c.Denied) {
				p.addf("Vault cluster %q is not allowed in namespace %q", t.Vault.Cluster, job.Namespace)
			}
		}
	}
}

func (s Settings) vaultRules() *nomadlike.NamespaceVaultConfiguration {
	if s.Namespace == nil {
		return nil
	}
	return s.Namespace.VaultConfiguration
}

func (s Settings) consulRules() *nomadlike.NamespaceConsulConfiguration {
	if s.Namespace == nil {
		return nil
	}
	return s.Namespace.ConsulConfiguration
}

// checkConsul looks at the Consul clusters and partitions that groups, tasks and
// services name.
func checkConsul(p *Problems, job *nomadlike.Job, s Settings) {
	cluster := func(owner, name string) {
		if _, known := s.Consul[name]; s.Consul != nil && !known {
			p.addf("%s uses Consul cluster %q, which is not configured on this server", owner, name)
		}
		if c := s.consulRules(); c != nil && !permitted(name, c.Default, c.Allowed, c.Denied) {
			p.addf("Consul cluster %q is not allowed in namespace %q", name, job.Namespace)
		}
	}
	for _, g := range job.TaskGroups {
		if g.Consul != nil {
			cluster("Group "+g.Name, g.Consul.Cluster)
		}
		for _, svc := range g.Services {
			if svc.Provider == "consul" {
				cluster("Service "+svc.Name, svc.Cluster)
			}
		}
		for _, t := range g.Tasks {
			if t.Consul == nil {
				continue
			}
			cluster("Task "+t.Name, t.Consul.Cluster)
			if g.Consul != nil && g.Consul.Partition != "" && t.Consul.Partition != "" && g.Consul.Partition != t.Consul.Partition {
				p.addf("Task %q: Consul partition %q differs from the group's %q", t.Name, t.Consul.Partition, g.Consul.Partition)
			}
		}
	}
}

// permitted applies the lists of a namespace, which hold patterns. What it names
// as default is always allowed, and nothing else where the list of what is
// allowed is there and empty.
func permitted(name, byDefault string, allowed, denied []string) bool {
	setDefault(&byDefault, defaultPool) // the same word for clusters
	switch {
	case name == byDefault:
		return true
	case allowed != nil:
		return expr.GlobAny(allowed, name)
	}
	return !expr.GlobAny(denied, name)
}

// checkCapabilities refuses drivers and network modes that the namespace does
// not allow.
func checkCapabilities(p *Problems, job *nomadlike.Job, s Settings) {
	if s.Namespace == nil || s.Namespace.Capabilities == nil {
		return
	}
	c := s.Namespace.Capabilities
	refused := func(name string, enabled, disabled []string) bool {
		return len(enabled) > 0 && !slices.Contains(enabled, name) || slices.Contains(disabled, name)
	}
	var drivers, modes []string
	for _, g := range job.TaskGroups {
		for _, n := range g.Networks {
			mode := n.Mode
			setDefault(&mode, "host")
			if refused(mode, c.EnabledNetworkModes, c.DisabledNetworkModes) && !slices.Contains(modes, mode) {
				modes = append(modes, mode)
			}
		}
		for _, t := range g.Tasks {
			if refused(t.Driver, c.EnabledTaskDrivers, c.DisabledTaskDrivers) && !slices.Contains(drivers, t.Driver) {
				drivers = append(drivers, t.Driver)
			}
		}
	}
	quoted := func(list []string) string { return `"` + strings.Join(list, `", "`) + `"` }
	if len(drivers) > 0 {
		p.addf("used task driver %s is not allowed in namespace %q", quoted(drivers), job.Namespace)
	}
	if len(modes) > 0 {
		p.addf("used group network mode %s is not allowed in namespace %q", quoted(modes), job.Namespace)
	}
}

// checkNodePool looks whether the job's node pool exists and may be used.
func checkNodePool(p *Problems, job *nomadlike.Job, s Settings) {
	if s.NodePoolExists != nil && !s.NodePoolExists(job.NodePool) {
		p.addf("job is in nonexistent node pool %q; create it first", job.NodePool)
		return
	}
	if s.Namespace == nil || s.Namespace.NodePoolConfiguration == nil {
		return
	}
	if c := s.Namespace.NodePoolConfiguration; !permitted(job.NodePool, c.Default, c.Allowed, c.Denied) {
		p.addf("namespace %q does not allow jobs to use node pool %q", job.Namespace, job.NodePool)
	}
}
