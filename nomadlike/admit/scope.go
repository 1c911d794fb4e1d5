package admit

import (
	"slices"
	"strings"

	"github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/expr"
)

// checkVault looks at the Vault clusters that tasks name.
func checkVault(p findings, job *nomadlike.Job, s Settings) {
	for i, g := range job.TaskGroups {
		for j, t := range g.Tasks {
			if t.Vault == nil {
				continue
			}
			p := p.group(i, g).task(j, t)
			if cluster, known := s.Vault[t.Vault.Cluster]; s.Vault != nil && (!known || !cluster.Enabled) {
				p.addf("Vault/Cluster", "Vault %q not enabled but task %q uses it; configure the cluster on the servers or remove the vault block", t.Vault.Cluster, t.Name)
			}
			if t.Vault.Namespace != "" {
				p.addf("Vault/Namespace", "Task %q: Vault namespaces are not supported by this server", t.Name)
			}
			if c := s.vaultRules(); c != nil && !permitted(t.Vault.Cluster, c.Default, c.Allowed, c.Denied) {
				p.addf("Vault/Cluster", "Vault cluster %q is not allowed in namespace %q", t.Vault.Cluster, job.Namespace)
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
func checkConsul(p findings, job *nomadlike.Job, s Settings) {
	cluster := func(p findings, owner, name string) {
		if _, known := s.Consul[name]; s.Consul != nil && !known {
			p.addf("Cluster", "%s uses Consul cluster %q, which is not configured on this server", owner, name)
		}
		if c := s.consulRules(); c != nil && !permitted(name, c.Default, c.Allowed, c.Denied) {
			p.addf("Cluster", "Consul cluster %q is not allowed in namespace %q", name, job.Namespace)
		}
	}
	for i, g := range job.TaskGroups {
		p := p.group(i, g)
		if g.Consul != nil {
			cluster(p.below("Consul"), "Group "+g.Name, g.Consul.Cluster)
		}
		for j, svc := range g.Services {
			if svc.Provider == "consul" {
				cluster(p.service(j, svc), "Service "+svc.Name, svc.Cluster)
			}
		}
		for j, t := range g.Tasks {
			if t.Consul == nil {
				continue
			}
			p := p.task(j, t)
			cluster(p.below("Consul"), "Task "+t.Name, t.Consul.Cluster)
			if g.Consul != nil && g.Consul.Partition != "" && t.Consul.Partition != "" && g.Consul.Partition != t.Consul.Partition {
				p.addf("Consul/Partition", "Task %q: Consul partition %q differs from the group's %q", t.Name, t.Consul.Partition, g.Consul.Partition)
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
func checkCapabilities(p findings, job *nomadlike.Job, s Settings) {
	if s.Namespace == nil || s.Namespace.Capabilities == nil {
		return
	}
	c := s.Namespace.Capabilities
	refused := func(name string, enabled, disabled []string) bool {
		return len(enabled) > 0 && !slices.Contains(enabled, name) || slices.Contains(disabled, name)
	}
	var drivers, modes []string
	var firstDriver, firstMode findings
	for i, g := range job.TaskGroups {
		for j, n := range g.Networks {
			mode := n.Mode
			setDefault(&mode, "host")
			if refused(mode, c.EnabledNetworkModes, c.DisabledNetworkModes) && !slices.Contains(modes, mode) {
				if modes = append(modes, mode); len(modes) == 1 {
					firstMode = p.group(i, g).element("Networks", j, "", "")
				}
			}
		}
		for j, t := range g.Tasks {
			if refused(t.Driver, c.EnabledTaskDrivers, c.DisabledTaskDrivers) && !slices.Contains(drivers, t.Driver) {
				if drivers = append(drivers, t.Driver); len(drivers) == 1 {
					firstDriver = p.group(i, g).task(j, t)
				}
			}
		}
	}
	quoted := func(list []string) string { return `"` + strings.Join(list, `", "`) + `"` }
	if len(drivers) > 0 {
		firstDriver.addf("Driver", "used task driver %s is not allowed in namespace %q", quoted(drivers), job.Namespace)
	}
	if len(modes) > 0 {
		firstMode.addf("Mode", "used group network mode %s is not allowed in namespace %q", quoted(modes), job.Namespace)
	}
}

// checkNodePool looks whether the job's node pool exists and may be used.
func checkNodePool(p findings, job *nomadlike.Job, s Settings) {
	if s.NodePoolExists != nil && !s.NodePoolExists(job.NodePool) {
		p.addf("NodePool", "job is in nonexistent node pool %q; create it first", job.NodePool)
		return
	}
	if s.Namespace == nil || s.Namespace.NodePoolConfiguration == nil {
		return
	}
	if c := s.Namespace.NodePoolConfiguration; !permitted(job.NodePool, c.Default, c.Allowed, c.Denied) {
		p.addf("NodePool", "namespace %q does not allow jobs to use node pool %q", job.Namespace, job.NodePool)
	}
}
