package admit

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/spell"
)

// Bounds of services and checks.
const (
	checkTimeMin   = time.Second
	checkNotesMax  = 255
	serviceNameMax = 63
)

var (
	// reference is a part of a name that is only known on the node.
	reference   = regexp.MustCompile(`\$\{[^}]*\}`)
	serviceName = regexp.MustCompile(`^(?i:[a-z0-9]|[a-z0-9][a-z0-9-]{0,61}[a-z0-9])$`)
)

// onUpdates says what the health of services and checks means to a deployment.
func onUpdates() []string { return []string{"require_healthy", "ignore_warnings", "ignore"} }

// serviceOf is a service with what it belongs to.
type serviceOf struct {
	*nomadlike.Service
	group *nomadlike.Group
	task  *nomadlike.Task // nil for services of the group
	at    findings
}

// checkServices looks at the services of a group and of its tasks.
func checkServices(p findings, g *nomadlike.Group) {
	var all []serviceOf
	for i, s := range g.Services {
		all = append(all, serviceOf{s, g, nil, p.service(i, s)})
	}
	for i, t := range g.Tasks {
		for j, s := range t.Services {
			all = append(all, serviceOf{s, g, t, p.task(i, t).service(j, s)})
		}
	}
	seen := map[[3]string]bool{}
	providers := map[string]bool{}
	for _, s := range all {
		owner := "group"
		if s.task != nil {
			owner = s.task.Name
		}
		id := [3]string{s.Name, owner, s.PortLabel}
		if seen[id] {
			s.at.addf("Name", "Service %q of %s with port %q is defined more than once", s.Name, owner, s.PortLabel)
		}
		seen[id] = true
		providers[s.Provider] = true
		inner := s.at.apart()
		checkService(inner, s)
		p.fold("Service "+s.Name, inner)
	}
	if len(providers) > 1 {
		p.addf("Services", "Multiple service providers used: task group services must use the same provider")
	}
}

func checkService(p findings, s serviceOf) {
	switch name := reference.ReplaceAllString(s.Name, "NAME"); {
	case len(name) > serviceNameMax:
		p.addf("Name", "Service name must be at most %d characters: %q", serviceNameMax, s.Name)
	case !serviceName.MatchString(name):
		p.addf("Name", "Service name must be valid per RFC 1123 and can contain only alphanumeric characters or dashes: %q", s.Name)
	}
	if s.task != nil && s.TaskName != "" && s.TaskName != s.task.Name {
		p.addf("TaskName", "Service %q may only name its own task, not %q", s.Name, s.TaskName)
	}
	checkAddressMode(p, s)
	if s.Address != "" && s.AddressMode != "auto" {
		p.addf("AddressMode", "Service address_mode must be \"auto\" if address is set")
	}
	p.oneOf("OnUpdate", s.OnUpdate, onUpdates(), "Invalid service on_update")
	if s.Provider == "nomad" && s.Connect != nil {
		p.addf("Connect", "Service with provider nomad cannot include Connect blocks")
	}
	p.oneOf("Provider", s.Provider, []string{"consul", "nomad"}, "Invalid service provider")
	p.oneOf("Kind", s.Kind, []string{"", "api-gateway", "ingress-gateway", "mesh-gateway", "terminating-gateway"}, "Invalid service kind")
	if s.task != nil {
		if s.Connect != nil {
			p.addf("Connect", "Service %q: connect is only for services of the group", s.Name)
		}
		checkPortLabel(p, s, s.PortLabel, s.AddressMode)
	}
	if s.Identity != nil && len(s.Identity.Audience) == 0 {
		p.addf("Identity/Audience", "Service identity must provide at least one target aud value")
	}
	if s.Identity != nil {
		checkIdentity(p.below("Identity"), s.Identity)
	}
	names := map[string]bool{}
	for i, c := range s.Checks {
		at := p.check(i, s, c)
		if s.task != nil && names[c.Name] {
			at.addf("Name", "Check %q is defined more than once", c.Name)
		}
		names[c.Name] = true
		inner := at.apart()
		checkCheck(inner, s, c)
		p.fold("Check "+c.Name, inner)
	}
}

func checkAddressMode(p findings, s serviceOf) {
	switch s.AddressMode {
	case "auto", "host", "":
	case "driver":
		if s.task == nil {
			p.addf("AddressMode", "service %q cannot use address_mode=\"driver\", only services defined in a \"task\" block can use this mode", s.Name)
		}
	case "alloc", "alloc_ipv6":
		if s.task != nil {
			p.addf("AddressMode", "service %q cannot use address_mode=%q, only services defined in a \"group\" block can use this mode", s.Name, s.AddressMode)
		}
	default:
		p.oneOf("AddressMode", s.AddressMode, []string{"auto", "host", "driver", "alloc", "alloc_ipv6"}, "Invalid service address_mode")
	}
}

// checkPortLabel looks for the port of a service or check of a task: numbers
// are only known to drivers.
func checkPortLabel(p findings, s serviceOf, label, mode string) {
	if label == "" || strings.Contains(label, "${") {
		return
	}
	if n, err := strconv.Atoi(label); err == nil {
		if mode != "driver" && s.Address == "" {
			p.addf("PortLabel", "port %q is a number, which needs address_mode=\"driver\"", label)
		} else if n < 0 || n > portMax {
			p.addf("PortLabel", "port %q is out of range", label)
		}
		return
	}
	networks := s.task.Resources.Networks
	if len(s.group.Networks) > 0 {
		networks = slices.Concat(s.group.Networks[:1], networks)
	}
	var labels []string
	for _, n := range networks {
		for _, port := range slices.Concat(n.ReservedPorts, n.DynamicPorts) {
			labels = append(labels, port.Label)
		}
	}
	if mode == "driver" || slices.Contains(labels, label) {
		return
	}
	p.addf("PortLabel", "port label %q referenced by services %s does not exist.%s", label, s.Name, spell.Hint(label, labels))
}

func checkCheck(p findings, s serviceOf, c *nomadlike.ServiceCheck) {
	consul := s.Provider != "nomad"
	checkType(p, s, c, consul)
	for _, t := range []struct {
		field, name string
		d           time.Duration
	}{{"Interval", "interval", c.Interval}, {"Timeout", "timeout", c.Timeout}} {
		switch {
		case t.d == 0:
			p.addf(t.field, "missing required value %s. Value cannot be less than %v", t.name, checkTimeMin)
		case t.d < checkTimeMin:
			p.addf(t.field, "%s (%v) is lower than required minimum %v", t.name, t.d, checkTimeMin)
		}
	}
	switch c.AddressMode {
	case "", "host", "alloc", "alloc_ipv6":
	case "driver":
		if !consul {
			p.addf("AddressMode", "address_mode = driver may not be used with provider nomad")
		}
	default:
		p.oneOf("AddressMode", c.AddressMode, []string{"host", "driver", "alloc", "alloc_ipv6"}, "invalid address_mode")
	}
	p.oneOf("InitialStatus", c.InitialStatus, []string{"", "passing", "warning", "critical"}, "invalid initial check state")
	if len(c.Notes) > checkNotesMax {
		p.addf("Notes", "notes must not be longer than %d characters", checkNotesMax)
	}
	p.oneOf("OnUpdate", c.OnUpdate, onUpdates(), "invalid on_update")
	checkRestartOfCheck(p, c, consul)
	if !consul && c.TLSServerName != "" {
		p.addf("TLSServerName", "tls_server_name may only be set for Consul service checks")
	}
	thresholds := c.SuccessBeforePassing > 0 || c.FailuresBeforeCritical > 0 || c.FailuresBeforeWarning > 0
	if thresholds && (!consul || c.Type == "script") {
		p.addf("SuccessBeforePassing", "success_before_passing and failures_before_critical are only for http, tcp and grpc checks of Consul services")
	}
	if c.TaskName != "" && c.TaskName != groupTask && s.group.Task(c.TaskName) == nil {
		p.addf("TaskName", "check names task %q, which does not exist in the group.%s", c.TaskName, spell.Hint(c.TaskName, taskNames(s.group)))
	}
	if c.Expose {
		checkExposed(p, s, c)
	}
	if s.task != nil && c.PortLabel != "" {
		mode := c.AddressMode
		if mode == "" && c.PortLabel == s.PortLabel {
			mode = s.AddressMode
		}
		checkPortLabel(p, s, c.PortLabel, mode)
	}
}

// checkType looks at what each kind of check needs.
func checkType(p findings, s serviceOf, c *nomadlike.ServiceCheck, consul bool) {
	kind := strings.ToLower(c.Type)
	switch kind {
	case "tcp":
	case "http":
		switch u, err := url.Parse(c.Path); {
		case c.Path == "":
			p.addf("Path", "http type must have http path")
		case err != nil:
			p.addf("Path", "http type must have valid http path: %v", err)
		case u.IsAbs():
			p.addf("Path", "http type must have relative http path")
		}
		if !consul {
			p.oneOf("Method", c.Method, []string{"", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"}, "invalid http method")
		}
	case "grpc", "script":
		if !consul {
			p.oneOf("Type", kind, []string{"http", "tcp"}, "services of provider nomad cannot have the check type")
			return
		}
		if kind == "script" {
			if c.Command == "" {
				p.addf("Command", "script type must have a valid script path")
			}
			if s.task == nil && c.TaskName == "" {
				p.addf("TaskName", "Check %s invalid: script checks of group services must name a task", c.Name)
			}
		}
	default:
		known := []string{"http", "tcp"}
		if consul {
			known = append(known, "grpc", "script")
		}
		p.oneOf("Type", c.Type, known, "invalid check type")
		return
	}
	if kind != "script" && c.PortLabel == "" && s.PortLabel == "" {
		p.addf("PortLabel", "%s checks need a port: set one on the check or on the service", c.Type)
	}
}

func checkRestartOfCheck(p findings, c *nomadlike.ServiceCheck, consul bool) {
	r := c.CheckRestart
	if r != nil {
		if r.Limit < 0 {
			p.addf("CheckRestart/Limit", "limit must be greater than or equal to 0 but found %d", r.Limit)
		}
		if r.Grace < 0 {
			p.addf("CheckRestart/Grace", "grace period cannot be negative: %d", r.Grace)
		}
		if r.IgnoreWarnings && !consul {
			p.addf("CheckRestart/IgnoreWarnings", "ignore_warnings on check_restart only supported for Consul service checks")
		}
	}
	switch c.OnUpdate {
	case "ignore":
		if r != nil {
			p.addf("OnUpdate", "on_update value %q may not be set with check_restart", c.OnUpdate)
		}
	case "ignore_warnings":
		if !consul {
			p.addf("OnUpdate", "on_update may only be set to ignore_warnings for Consul service checks")
		} else if r != nil && !r.IgnoreWarnings {
			p.addf("OnUpdate", "on_update value %q not supported with check_restart ignore_warnings value %v", c.OnUpdate, r.IgnoreWarnings)
		}
	}
}

func checkExposed(p findings, s serviceOf, c *nomadlike.ServiceCheck) {
	if s.Provider == "nomad" || c.Type != "http" && c.Type != "grpc" {
		p.addf("Expose", "expose may only be set on http or grpc checks of Consul services")
	}
	if s.Connect == nil || s.Connect.SidecarService == nil {
		p.addf("Expose", "expose may only be set if the service has a sidecar_service")
	}
	if len(s.group.Networks) == 0 || !ownNetwork(s.group.Networks[0].Mode) {
		p.addf("Expose", "expose may only be set if the group has a bridge or cni network")
	}
}

func taskNames(g *nomadlike.Group) []string {
	out := make([]string, len(g.Tasks))
	for i, t := range g.Tasks {
		out[i] = t.Name
	}
	return out
}

// ownNetwork tells whether allocations get a network namespace of their own.
func ownNetwork(mode string) bool {
	return mode == "bridge" || strings.HasPrefix(mode, "cni/")
}
