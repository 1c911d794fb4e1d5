package admit

import (
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nomadlike/nomadlike/nomadlike"
)

// Kinds of tasks that take part in the service mesh; the service's name follows.
const (
	kindProxy       = "connect-proxy"
	kindNative      = "connect-native"
	kindIngress     = "connect-ingress"
	kindTerminating = "connect-terminating"
	kindMesh        = "connect-mesh"
)

// What an injected proxy asks for unless the job says otherwise.
const (
	proxyCPUMHz        = 250
	proxyMemoryMB      = 128
	proxyLogFiles      = 2
	proxyLogFileMB     = 2
	proxyShutdownDelay = 5 * time.Second
	gatewayTimeout     = 5 * time.Second
)

// anyAddress is every address of the allocation.
const anyAddress = "0.0.0.0"

// injectConnect adds the proxies that services in the mesh need, with their
// ports.
func injectConnect(job *nomadlike.Job) {
	for _, g := range job.TaskGroups {
		for _, s := range g.Services {
			if s.Connect == nil {
				continue
			}
			switch c := s.Connect; {
			case c.SidecarService != nil:
				injectSidecar(job, g, s)
			case c.Native:
				markNative(job, g, s)
			case c.Gateway != nil:
				injectGateway(job, g, s)
			}
		}
	}
}

// injectSidecar adds the proxy of a service and the port at which others reach
// it.
func injectSidecar(job *nomadlike.Job, g *nomadlike.Group, s *nomadlike.Service) {
	task := findKind(g, kindProxy+":"+s.Name)
	if task == nil {
		task = proxyTask(g, kindProxy, s.Name, "${meta.connect.sidecar_image}")
		task.Lifecycle = &nomadlike.Lifecycle{Hook: "prestart", Sidecar: true}
		g.Tasks = append(g.Tasks, task)
	}
	overlaySidecar(task, s.Connect.SidecarTask)
	canonicalTask(job, g, task)
	label := s.Connect.SidecarService.Port
	setDefault(&label, kindProxy+"-"+s.Name)
	addPort(g, label)
}

func findKind(g *nomadlike.Group, kind string) *nomadlike.Task {
	for _, t := range g.Tasks {
		if t.Kind == kind {
			return t
		}
	}
	return nil
}

// proxyTask is a task that runs the mesh's proxy.
func proxyTask(g *nomadlike.Group, kind, service, image string) *nomadlike.Task {
	return &nomadlike.Task{
		Name:   kind + "-" + service,
		Kind:   kind + ":" + service,
		Driver: proxyDriver(g),
		Config: map[string]any{
			"image": image,
			"args": []any{
				"-c", "${NOMAD_SECRETS_DIR}/envoy_bootstrap.json",
				"-l", "${meta.connect.log_level}",
				"--concurrency", "${meta.connect.proxy_concurrency}",
				"--disable-hot-restart",
			},
		},
		ShutdownDelay: proxyShutdownDelay,
		KillTimeout:   killTimeoutDefault,
		LogConfig:     &nomadlike.LogConfig{MaxFiles: proxyLogFiles, MaxFileSizeMB: proxyLogFileMB},
		Resources:     &nomadlike.Resources{CPU: proxyCPUMHz, MemoryMB: proxyMemoryMB},
		RestartPolicy: nomadlike.DeepCopy(g.RestartPolicy),
		Constraints: []*nomadlike.Constraint{
			consulConstraint(defaultCluster),
			constraint("${attr.consul.grpc}", ">", "0"),
		},
	}
}

// proxyDriver is the container engine that the group's tasks use anyway.
func proxyDriver(g *nomadlike.Group) string {
	podman := false
	for _, t := range g.Tasks {
		switch t.Driver {
		case "docker":
			return "docker"
		case "podman":
			podman = true
		}
	}
	if podman {
		return "podman"
	}
	return "docker"
}

// overlaySidecar lays over a proxy what the job says about it.
func overlaySidecar(t *nomadlike.Task, o *nomadlike.SidecarTask) {
	if o == nil {
		return
	}
	for _, f := range []struct {
		field *string
		said  string
	}{{&t.Name, o.Name}, {&t.Driver, o.Driver}, {&t.User, o.User}, {&t.KillSignal, o.KillSignal}} {
		if f.said != "" {
			*f.field = f.said
		}
	}
	if len(o.Config) > 0 {
		if o.Driver != "" && o.Driver != "docker" && o.Driver != "podman" {
			t.Config = map[string]any{} // arguments of another driver mean nothing to it
		}
		t.Config = maps.Clone(t.Config)
		maps.Copy(t.Config, o.Config)
	}
	t.Env = overlayMap(t.Env, o.Env)
	t.Meta = overlayMap(t.Meta, o.Meta)
	if o.Resources != nil {
		t.Resources = nomadlike.DeepCopy(o.Resources)
	}
	if o.LogConfig != nil {
		t.LogConfig = nomadlike.DeepCopy(o.LogConfig)
	}
	if o.KillTimeout != nil {
		t.KillTimeout = *o.KillTimeout
	}
	if o.ShutdownDelay != nil && *o.ShutdownDelay != 0 { // 0 is what canonical documents say by default
		t.ShutdownDelay = *o.ShutdownDelay
	}
	if len(o.VolumeMounts) > 0 {
		t.VolumeMounts = nomadlike.DeepCopy(o.VolumeMounts)
	}
	if len(o.Identities) > 0 {
		t.Identities = nomadlike.DeepCopy(o.Identities)
	}
}

func overlayMap(base, over map[string]string) map[string]string {
	if len(over) == 0 {
		return base
	}
	out := make(map[string]string, len(base)+len(over))
	maps.Copy(out, base)
	maps.Copy(out, over)
	return out
}

// addPort asks for a dynamic port that is the same inside and outside, unless
// the group has the label.
func addPort(g *nomadlike.Group, label string) {
	if len(g.Networks) == 0 || findPort(g, label) != nil {
		return
	}
	n := g.Networks[0]
	n.DynamicPorts = append(n.DynamicPorts, &nomadlike.Port{Label: label, To: -1, HostNetwork: "default"})
}

func findPort(g *nomadlike.Group, label string) *nomadlike.Port {
	for _, n := range g.Networks {
		for _, p := range slices.Concat(n.ReservedPorts, n.DynamicPorts) {
			if p.Label == label {
				return p
			}
		}
	}
	return nil
}

// markNative marks the task that speaks the mesh's protocol itself.
func markNative(job *nomadlike.Job, g *nomadlike.Group, s *nomadlike.Service) {
	var own []*nomadlike.Task // not injected
	for _, t := range g.Tasks {
		if t.Kind == "" || strings.HasPrefix(t.Kind, kindNative+":") {
			own = append(own, t)
		}
	}
	if s.TaskName == "" && len(own) == 1 {
		s.TaskName = own[0].Name
		canonicalService(job, g.Name, groupTask, s)
	}
	for _, t := range own {
		if t.Name == s.TaskName {
			t.Kind = kindNative + ":" + s.Name
		}
	}
}

// injectGateway adds the proxy of a gateway, its ports and the addresses it
// listens at.
func injectGateway(job *nomadlike.Job, g *nomadlike.Group, s *nomadlike.Service) {
	gateway := s.Connect.Gateway
	kind := gatewayKind(gateway)
	mode := ""
	if len(g.Networks) > 0 {
		mode = g.Networks[0].Mode
	}
	task := findKind(g, kind+":"+s.Name)
	if task == nil {
		task = proxyTask(g, kind, s.Name, "${meta.connect.gateway_image}")
		if mode == "host" {
			task.Config["network_mode"] = "host"
		}
		g.Tasks = append(g.Tasks, task)
	}
	overlaySidecar(task, s.Connect.SidecarTask)
	canonicalTask(job, g, task)
	if kind == kindTerminating && s.PortLabel == "" {
		s.PortLabel = kindTerminating + "-" + s.Name
	}
	switch kind {
	case kindTerminating:
		addPort(g, s.PortLabel)
	case kindMesh:
		addPort(g, kindMesh+"-"+s.Name+"-lan")
	}
	gatewayAddresses(gateway, s, mode)
}

func gatewayKind(gateway *nomadlike.ConsulGateway) string {
	switch {
	case gateway.Ingress != nil:
		return kindIngress
	case gateway.Terminating != nil:
		return kindTerminating
	}
	return kindMesh
}

// gatewayAddresses makes a gateway in a network of its own listen at every
// address of that network, where the job does not say at which.
func gatewayAddresses(gateway *nomadlike.ConsulGateway, s *nomadlike.Service, mode string) {
	if gateway.Proxy == nil {
		gateway.Proxy = &nomadlike.ConsulGatewayProxy{}
	}
	proxy := gateway.Proxy
	if proxy.ConnectTimeout == nil {
		timeout := gatewayTimeout
		proxy.ConnectTimeout = &timeout
	}
	if mode != "bridge" || len(proxy.EnvoyGatewayBindAddresses) > 0 {
		return
	}
	bind := map[string]*nomadlike.ConsulGatewayBindAddress{}
	switch {
	case gateway.Ingress != nil:
		for _, l := range gateway.Ingress.Listeners {
			for _, svc := range l.Services {
				bind[svc.Name] = &nomadlike.ConsulGatewayBindAddress{Address: anyAddress, Port: l.Port}
			}
		}
	case gateway.Terminating != nil:
		bind["default"] = &nomadlike.ConsulGatewayBindAddress{Address: anyAddress, Port: -1}
	default:
		bind["wan"] = &nomadlike.ConsulGatewayBindAddress{Address: anyAddress, Port: -1}
		bind["lan"] = &nomadlike.ConsulGatewayBindAddress{Address: anyAddress, Port: -1}
	}
	proxy.EnvoyGatewayNoDefaultBind = true
	proxy.EnvoyGatewayBindTaggedAddresses = false
	proxy.EnvoyGatewayBindAddresses = bind
}

// injectExposeChecks opens a path through the proxy for every check that must
// reach the service past it.
func injectExposeChecks(job *nomadlike.Job) {
	for _, g := range job.TaskGroups {
		for _, s := range g.Services {
			for _, c := range s.Checks {
				if c.Expose && s.Connect != nil && s.Connect.SidecarService != nil {
					exposeCheck(g, s, c)
				}
			}
		}
	}
}

func exposeCheck(g *nomadlike.Group, s *nomadlike.Service, c *nomadlike.ServiceCheck) {
	if c.PortLabel == "" || c.PortLabel == s.PortLabel {
		c.PortLabel = exposePortLabel(s, c)
		addPort(g, c.PortLabel)
	}
	sidecar := s.Connect.SidecarService
	if sidecar.Proxy == nil {
		sidecar.Proxy = &nomadlike.ConsulProxy{}
	}
	if sidecar.Proxy.Expose == nil {
		sidecar.Proxy.Expose = &nomadlike.ConsulExposeConfig{}
	}
	path := nomadlike.ConsulExposePath{
		Path: c.Path, Protocol: c.Protocol, LocalPathPort: insidePort(g, s.PortLabel), ListenerPort: c.PortLabel,
	}
	expose := sidecar.Proxy.Expose
	if !slices.ContainsFunc(expose.Paths, func(p *nomadlike.ConsulExposePath) bool { return *p == path }) {
		expose.Paths = append(expose.Paths, &path)
	}
}

// exposePortLabel names the port of a check by what the check is, so that
// submitting the same job again makes the same job.
func exposePortLabel(s *nomadlike.Service, c *nomadlike.ServiceCheck) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(strings.Join([]string{c.Name, c.Type, c.Path, c.Protocol, c.GRPCService}, "\x00")))
	return fmt.Sprintf("svc_%s_ck_%06x", s.Name, h.Sum32()&0xffffff)
}

// insidePort is the port at which the service listens inside the allocation.
func insidePort(g *nomadlike.Group, label string) int {
	if n, err := strconv.Atoi(label); err == nil {
		return n
	}
	if p := findPort(g, label); p != nil {
		if p.To > 0 {
			return p.To
		}
		return p.Value
	}
	return 0
}
