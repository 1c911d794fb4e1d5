package kube

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/nomadlike/nomadlike/jobspec/importer/outline"
)

// pod is the pod of a workload on its way to a group.
type pod struct {
	r    *Reader
	w    *workload
	g    *outline.Group
	spec corev1.PodSpec
	// tasks are those of the containers, in their order.
	tasks []*outline.Task
}

func (p *pod) read() {
	spec := p.spec
	p.g.Shared = len(spec.Containers) > 1 || sidecars(spec)
	if spec.HostNetwork {
		p.g.Mode = "host"
	}
	placement(p.g, spec)
	p.about()
	for i, c := range spec.InitContainers {
		t := p.task(c, fmt.Sprintf("init-%d", i))
		t.Hook = "prestart"
		t.Sidecar = c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
		p.ports(t, c)
		p.g.Tasks = append(p.g.Tasks, t)
	}
	for i, c := range spec.Containers {
		t := p.task(c, fmt.Sprintf("container-%d", i))
		p.ports(t, c)
		p.tasks = append(p.tasks, t)
		p.g.Tasks = append(p.g.Tasks, t)
	}
}

// sidecars tells whether containers run beside the main one.
func sidecars(spec corev1.PodSpec) bool {
	return slices.ContainsFunc(spec.InitContainers, func(c corev1.Container) bool {
		return c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
	})
}

// about notes what the pod says that has no counterpart.
func (p *pod) about() {
	s := p.spec
	if account := cmp.Or(s.ServiceAccountName, s.DeprecatedServiceAccount); account != "" && account != "default" {
		p.g.Lost("the service account %s: a task has a workload identity, whose rights an ACL policy of the job gives", account)
	}
	for _, secret := range s.ImagePullSecrets {
		p.g.Check("the registry login %s: give it to the docker plugin of the nodes, or in config { auth { ... } }", secret.Name)
	}
	if s.SecurityContext != nil && s.SecurityContext.FSGroup != nil {
		p.g.Lost("fsGroup %d: volumes keep the owner that they have", *s.SecurityContext.FSGroup)
	}
	if s.PriorityClassName != "" {
		p.g.Lost("the priority class %s: set priority on the job", s.PriorityClassName)
	}
}

func (p *pod) task(c corev1.Container, fallback string) *outline.Task {
	t := &outline.Task{Name: outline.Name(c.Name, fallback), Image: c.Image, WorkDir: c.WorkingDir, Entrypoint: c.Command, Args: c.Args}
	if n := p.spec.TerminationGracePeriodSeconds; n != nil && *n > 0 && *n < 1<<20 {
		t.KillTimeout = time.Duration(*n) * time.Second
	}
	if c.ImagePullPolicy == corev1.PullAlways {
		t.Attrs = append(t.Attrs, outline.Attr{Name: "force_pull", Value: true})
	}
	if c.ImagePullPolicy == corev1.PullNever {
		t.Check("imagePullPolicy Never: the image must be on the nodes; it is pulled when it is not")
	}
	p.names(t, c)
	p.env(t, c)
	p.resources(t, c)
	p.security(t, c)
	p.mounts(t, c)
	if c.Lifecycle != nil && c.Lifecycle.PreStop != nil {
		t.Lost("the preStop hook: shutdown_delay on the group takes it out of the catalogue before it is stopped")
	}
	if c.Lifecycle != nil && c.Lifecycle.PostStart != nil {
		t.Lost("the postStart hook: a task with lifecycle { hook = \"poststart\" } runs after the start")
	}
	expand(t)
	return t
}

// names carries host names and the like over.
func (p *pod) names(t *outline.Task, c corev1.Container) {
	add := func(name string, value any) { t.Attrs = append(t.Attrs, outline.Attr{Name: name, Value: value}) }
	list := func(name string, items []string) {
		if len(items) > 0 {
			add(name, items)
		}
	}
	if c.Stdin {
		add("interactive", true)
	}
	if c.TTY {
		add("tty", true)
	}
	if p.spec.Hostname != "" {
		add("hostname", p.spec.Hostname)
	}
	var hosts []string
	for _, a := range p.spec.HostAliases {
		for _, name := range a.Hostnames {
			hosts = append(hosts, name+":"+a.IP)
		}
	}
	list("extra_hosts", hosts)
	if dns := p.spec.DNSConfig; dns != nil {
		list("dns_servers", dns.Nameservers)
		list("dns_search_domains", dns.Searches)
		var options []string
		for _, o := range dns.Options {
			text := o.Name
			if o.Value != nil {
				text += ":" + *o.Value
			}
			options = append(options, text)
		}
		list("dns_options", options)
	}
}

// reference is $(NAME) in a command or a value.
var reference = regexp.MustCompile(`\$\(([A-Za-z_][A-Za-z0-9_]*)\)`)

// expand replaces $(NAME) as Kubernetes would: commands by the variable, which
// the scheduler puts in, and values by the value.
func expand(t *outline.Task) {
	values := map[string]*outline.Env{}
	for _, e := range t.Env {
		e.Value = reference.ReplaceAllStringFunc(e.Value, func(ref string) string {
			if of, ok := values[ref[2:len(ref)-1]]; ok && of.Secret == "" && !of.Expr && !e.Expr {
				return of.Value
			}
			return ref
		})
		if !e.Expr && e.Secret == "" && reference.MatchString(e.Value) {
			e.Lost("the reference %s, whose value is known only on the node: write the variable in a template", reference.FindString(e.Value))
		}
		values[e.Name] = e
	}
	convert := func(list []string) []string {
		out := make([]string, len(list))
		for i, s := range list {
			out[i] = outline.Literal(s)
			for name := range values {
				out[i] = strings.ReplaceAll(out[i], "$("+name+")", "${"+name+"}")
			}
		}
		return out
	}
	t.Entrypoint, t.Args, t.Expr = convert(t.Entrypoint), convert(t.Args), true
}

func (p *pod) env(t *outline.Task, c corev1.Container) {
	ns := p.w.meta.Namespace
	for _, from := range c.EnvFrom {
		switch {
		case from.ConfigMapRef != nil:
			kept, ok := p.r.configs[ns+"/"+from.ConfigMapRef.Name]
			config := kept.object
			kept.use(p.w.job, &t.Notes)
			if !ok {
				t.Lost("all variables of the config map %s, which is in none of the files", from.ConfigMapRef.Name)
			}
			for _, k := range outline.Keys(config.Data) {
				if !outline.EnvName.MatchString(from.Prefix + k) {
					t.Lost("the key %s of the config map %s as a variable: it is no name of one", k, from.ConfigMapRef.Name)
					continue
				}
				t.PlainEnv(from.Prefix+k, config.Data[k])
			}
		case from.SecretRef != nil:
			list := p.secretKeys(from.SecretRef.Name)
			if len(list) == 0 {
				t.Lost("all variables of the secret %s, which is in none of the files", from.SecretRef.Name)
			}
			for _, k := range list {
				t.SecretEnv(from.Prefix+k, item(from.SecretRef.Name, k))
			}
		}
	}
	for _, e := range c.Env {
		if e.ValueFrom == nil {
			t.PlainEnv(e.Name, e.Value)
			continue
		}
		p.envFrom(t, e.Name, e.ValueFrom)
	}
	t.HideSecrets()
}

func (p *pod) envFrom(t *outline.Task, name string, from *corev1.EnvVarSource) {
	switch {
	case from.ConfigMapKeyRef != nil:
		ref := from.ConfigMapKeyRef
		kept := p.r.configs[p.w.meta.Namespace+"/"+ref.Name]
		kept.use(p.w.job, &t.Notes)
		v, ok := kept.object.Data[ref.Key]
		if !ok {
			t.Lost("variable %s, the key %s of the config map %s, which is in none of the files", name, ref.Key, ref.Name)
			return
		}
		t.PlainEnv(name, v)
	case from.SecretKeyRef != nil:
		p.secretKeys(from.SecretKeyRef.Name) // it is used
		t.SecretEnv(name, item(from.SecretKeyRef.Name, from.SecretKeyRef.Key))
	case from.FieldRef != nil:
		value, ok := fields[from.FieldRef.FieldPath]
		if !ok {
			t.Lost("variable %s, the field %s of the pod", name, from.FieldRef.FieldPath)
			return
		}
		e := t.PlainEnv(name, value)
		e.Expr = true
		if from.FieldRef.FieldPath == "status.podIP" {
			e.Check("%s is the address of the node; ports are mapped to it", name)
		}
	case from.ResourceFieldRef != nil:
		value, ok := map[string]string{"limits.memory": "${NOMAD_MEMORY_LIMIT}", "requests.memory": "${NOMAD_MEMORY_LIMIT}", "limits.cpu": "${NOMAD_CPU_LIMIT}", "requests.cpu": "${NOMAD_CPU_LIMIT}"}[from.ResourceFieldRef.Resource]
		if !ok {
			t.Lost("variable %s, the resource %s of the container", name, from.ResourceFieldRef.Resource)
			return
		}
		e := t.PlainEnv(name, value)
		e.Expr = true
		e.Check("%s is in MB or MHz", name)
	default:
		t.Lost("variable %s: where its value comes from is not known", name)
	}
}

// fields are the fields of pods that have a counterpart.
var fields = map[string]string{
	"metadata.name": "${NOMAD_SHORT_ALLOC_ID}", "metadata.uid": "${NOMAD_ALLOC_ID}", "metadata.namespace": "${NOMAD_NAMESPACE}",
	"spec.nodeName": "${node.unique.name}", "status.hostIP": "${attr.unique.network.ip-address}", "status.podIP": "${attr.unique.network.ip-address}",
}

// item is where a key of a secret lies in the variable of the job.
func item(secret, key string) string { return secret + "_" + key }

func (p *pod) secretKeys(name string) []string {
	kept := p.r.secrets[p.w.meta.Namespace+"/"+name]
	kept.use(p.w.job, &p.g.Notes)
	s := kept.object
	all := map[string]bool{}
	for k := range s.Data {
		all[k] = true
	}
	for k := range s.StringData {
		all[k] = true
	}
	return outline.Keys(all)
}

func quantity(list corev1.ResourceList, name corev1.ResourceName) float64 {
	q, ok := list[name]
	if !ok {
		return 0
	}
	return approximate(q)
}

func approximate(q resource.Quantity) float64 { return q.AsApproximateFloat64() }

func (p *pod) resources(t *outline.Task, c corev1.Container) {
	asked, limits := c.Resources.Requests, c.Resources.Limits
	t.CPU = outline.Cores(quantity(asked, corev1.ResourceCPU))
	if t.CPU == 0 {
		t.CPU = outline.Cores(quantity(limits, corev1.ResourceCPU))
	}
	if most := outline.Cores(quantity(limits, corev1.ResourceCPU)); most > 0 && most != t.CPU {
		t.Check("the CPU limit of %d MHz: a task may use what the node has left; cpu_hard_limit in config bounds it to what it asked for", most)
	}
	t.MemoryMB = outline.Bytes(quantity(asked, corev1.ResourceMemory))
	t.MemoryMaxMB = outline.Bytes(quantity(limits, corev1.ResourceMemory))
	if t.MemoryMB == 0 {
		t.MemoryMB = t.MemoryMaxMB
	}
	if disk := outline.Bytes(quantity(asked, corev1.ResourceEphemeralStorage)); disk > 0 {
		p.g.DiskMB += disk
	}
	for _, name := range outline.Keys(limits) {
		vendor, ok := strings.CutSuffix(string(name), ".com/gpu")
		if !ok {
			if strings.Contains(string(name), "/") {
				t.Lost("the resource %s", name)
			}
			continue
		}
		if n := int(quantity(limits, name)); n > 0 && n <= 1024 {
			t.Devices = append(t.Devices, outline.Device{Name: outline.Name(vendor, "vendor") + "/gpu", Count: n})
		}
	}
}

func (p *pod) security(t *outline.Task, c corev1.Container) {
	var user, group *int64
	if s := p.spec.SecurityContext; s != nil {
		user, group = s.RunAsUser, s.RunAsGroup
		p.shared(t, s)
	}
	if s := c.SecurityContext; s != nil {
		if s.RunAsUser != nil {
			user = s.RunAsUser
		}
		if s.RunAsGroup != nil {
			group = s.RunAsGroup
		}
		if s.Privileged != nil && *s.Privileged {
			a := outline.Attr{Name: "privileged", Value: true}
			a.Check("the docker plugin must allow it with allow_privileged")
			t.Attrs = append(t.Attrs, a)
		}
		if s.AllowPrivilegeEscalation != nil && !*s.AllowPrivilegeEscalation {
			t.Attrs = append(t.Attrs, outline.Attr{Name: "security_opt", Value: []string{"no-new-privileges"}})
		}
		if s.ReadOnlyRootFilesystem != nil && *s.ReadOnlyRootFilesystem {
			t.Attrs = append(t.Attrs, outline.Attr{Name: "readonly_rootfs", Value: true})
		}
		if s.Capabilities != nil {
			for name, list := range map[string][]corev1.Capability{"cap_add": s.Capabilities.Add, "cap_drop": s.Capabilities.Drop} {
				var names []string
				for _, one := range list {
					names = append(names, strings.ToLower(string(one)))
				}
				if len(names) > 0 {
					t.Attrs = append(t.Attrs, outline.Attr{Name: name, Value: names})
				}
			}
			sortAttrs(t)
		}
	}
	if user != nil {
		t.User = fmt.Sprint(*user)
		if group != nil {
			t.User += ":" + fmt.Sprint(*group)
		}
	} else if group != nil {
		t.Lost("runAsGroup %d without a user: set user", *group)
	}
	if p.spec.HostPID {
		t.Attrs = append(t.Attrs, outline.Attr{Name: "pid_mode", Value: "host"})
	}
	if p.spec.HostIPC {
		t.Attrs = append(t.Attrs, outline.Attr{Name: "ipc_mode", Value: "host"})
	}
}

// shared carries what the pod says for all of its containers.
func (p *pod) shared(t *outline.Task, s *corev1.PodSecurityContext) {
	var groups []string
	for _, id := range s.SupplementalGroups {
		groups = append(groups, fmt.Sprint(id))
	}
	if len(groups) > 0 {
		t.Attrs = append(t.Attrs, outline.Attr{Name: "group_add", Value: groups})
	}
	sysctls := map[string]string{}
	for _, one := range s.Sysctls {
		sysctls[one.Name] = one.Value
	}
	if len(sysctls) > 0 {
		t.Attrs = append(t.Attrs, outline.Attr{Name: "sysctl", Value: sysctls})
	}
}

func (p *pod) ports(t *outline.Task, c corev1.Container) {
	for _, cp := range c.Ports {
		known := p.g.PortLabel(cp.Name, int(cp.ContainerPort))
		if known == nil {
			continue
		}
		if cp.HostPort > 0 && cp.HostPort <= 65535 {
			known.Static = int(cp.HostPort)
		}
		if !contains(t.PortLabels, known.Label) {
			t.PortLabels = append(t.PortLabels, known.Label)
		}
	}
}

// publish gives a port to the first container, unless another has it.
func (p *pod) publish(known *outline.Port) {
	for _, t := range p.tasks {
		if contains(t.PortLabels, known.Label) {
			return
		}
	}
	if len(p.tasks) > 0 {
		p.tasks[0].PortLabels = append(p.tasks[0].PortLabels, known.Label)
	}
}

// portNumber resolves the name of a port.
func (p *pod) portNumber(name string, number int) int {
	if name == "" {
		return number
	}
	for _, c := range p.spec.Containers {
		for _, cp := range c.Ports {
			if cp.Name == name {
				return int(cp.ContainerPort)
			}
		}
	}
	return 0
}

func contains(list []string, s string) bool {
	for _, one := range list {
		if one == s {
			return true
		}
	}
	return false
}
