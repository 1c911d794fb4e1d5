package interp

import (
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/nomadlike/nomadlike/nomadlike"
)

// shortIDLen is the number of characters of an ID that people are shown.
const shortIDLen = 8

// upstreamIP is where the mesh sidecar of an allocation listens for its tasks.
const upstreamIP = "127.0.0.1"

// builder collects the variables.
type builder struct {
	in      Input
	job     *nomadlike.Job
	group   *nomadlike.Group
	vars    map[string]string
	node    map[string]string
	secrets map[string]string
}

func newBuilder(in Input) *builder {
	b := &builder{in: in, job: in.Job, group: in.Group, vars: map[string]string{}, secrets: map[string]string{}}
	if b.job == nil {
		b.job = in.Alloc.Job
	}
	if b.job == nil {
		b.job = &nomadlike.Job{}
	}
	if b.group == nil {
		for _, g := range b.job.TaskGroups {
			if g.Name == in.Alloc.TaskGroup {
				b.group = g
			}
		}
	}
	if b.group == nil {
		b.group = &nomadlike.Group{Name: in.Alloc.TaskGroup}
	}
	for name, values := range in.Secrets {
		for k, v := range values {
			b.secrets["secret."+name+"."+k] = v
		}
	}
	b.node = nodeValues(in.Node, b.region())
	return b
}

func (b *builder) region() string {
	if b.in.Region != "" {
		return b.in.Region
	}
	return b.job.Region
}

// nodeValues are the references that the node answers.
func nodeValues(n *nomadlike.Node, region string) map[string]string {
	if n == nil {
		return map[string]string{}
	}
	values := make(map[string]string, len(n.Attributes)+len(n.Meta)+6)
	for k, v := range n.Attributes {
		values["attr."+k] = v
	}
	for k, v := range n.Meta {
		values["meta."+k] = v
	}
	values["node.unique.id"] = n.ID
	values["node.unique.name"] = n.Name
	values["node.datacenter"] = n.Datacenter
	values["node.region"] = region
	values["node.class"] = n.NodeClass
	values["node.pool"] = n.NodePool
	return values
}

// replace fills references while the environment is being built: the node
// first, then what is already there.
func (b *builder) replace(s string) string {
	return replaceRefs(s, func(ref string) (string, bool) {
		for _, m := range [...]map[string]string{b.node, b.vars, b.secrets} {
			if v, ok := m[ref]; ok {
				return v, true
			}
		}
		return "", false
	})
}

// set skips empty values.
func (b *builder) set(name, value string) {
	if value != "" {
		b.vars[name] = value
	}
}

func (b *builder) dirs() {
	b.set("NOMAD_ALLOC_DIR", b.in.Dirs.Alloc)
	b.set("NOMAD_TASK_DIR", b.in.Dirs.Local)
	b.set("NOMAD_SECRETS_DIR", b.in.Dirs.Secrets)
}

func (b *builder) limits() {
	r := b.taskResources(b.in.Task.Name)
	if r == nil {
		return
	}
	if r.Memory.MemoryMB > 0 {
		b.vars["NOMAD_MEMORY_LIMIT"] = strconv.FormatInt(r.Memory.MemoryMB, 10)
	}
	if r.Memory.MemoryMaxMB > 0 {
		b.vars["NOMAD_MEMORY_MAX_LIMIT"] = strconv.FormatInt(r.Memory.MemoryMaxMB, 10)
	}
	if r.Cpu.CpuShares > 0 {
		b.vars["NOMAD_CPU_LIMIT"] = strconv.FormatInt(r.Cpu.CpuShares, 10)
	}
	if len(r.Cpu.ReservedCores) > 0 {
		b.vars["NOMAD_CPU_CORES"] = coreList(r.Cpu.ReservedCores)
	}
}

func (b *builder) taskResources(task string) *nomadlike.AllocatedTaskResources {
	if b.in.Alloc.AllocatedResources == nil {
		return nil
	}
	return b.in.Alloc.AllocatedResources.Tasks[task]
}

// coreList writes core numbers as ranges: 1-3,7.
func coreList(cores []uint64) string {
	cores = slices.Sorted(slices.Values(cores))
	var parts []string
	for i := 0; i < len(cores); {
		j := i
		for j+1 < len(cores) && cores[j+1] == cores[j]+1 {
			j++
		}
		part := strconv.FormatUint(cores[i], 10)
		if j > i {
			part += "-" + strconv.FormatUint(cores[j], 10)
		}
		parts = append(parts, part)
		i = j + 1
	}
	return strings.Join(parts, ",")
}

func (b *builder) identifiers() {
	alloc := b.in.Alloc
	b.set("NOMAD_ALLOC_ID", alloc.ID)
	b.set("NOMAD_SHORT_ALLOC_ID", alloc.ID[:min(len(alloc.ID), shortIDLen)])
	b.set("NOMAD_ALLOC_NAME", alloc.Name)
	if open := strings.LastIndexByte(alloc.Name, '['); open >= 0 && strings.HasSuffix(alloc.Name, "]") {
		b.set("NOMAD_ALLOC_INDEX", alloc.Name[open+1:len(alloc.Name)-1])
	}
	b.set("NOMAD_TASK_NAME", b.in.Task.Name)
	b.set("NOMAD_GROUP_NAME", b.group.Name)
	jobID := b.job.ID
	if jobID == "" {
		jobID = alloc.JobID
	}
	b.set("NOMAD_JOB_ID", jobID)
	b.set("NOMAD_JOB_NAME", b.job.Name)
	b.set("NOMAD_JOB_PARENT_ID", b.job.ParentID)
	if b.in.Node != nil {
		b.set("NOMAD_DC", b.in.Node.Datacenter)
	}
	b.set("NOMAD_REGION", b.region())
	b.set("NOMAD_NAMESPACE", alloc.Namespace)
	b.set("NOMAD_PARENT_CGROUP", b.in.CgroupParent)
}

// tokens exposes identities and the socket at which they are good for
// something.
func (b *builder) tokens() {
	if b.in.VaultToken != "" {
		b.vars["VAULT_TOKEN"] = b.in.VaultToken
		b.set("VAULT_NAMESPACE", b.in.VaultNamespace)
	}
	for name, token := range b.in.Tokens {
		if name == "" || name == "default" {
			b.vars["NOMAD_TOKEN"] = token
		} else {
			b.vars["NOMAD_TOKEN_"+name] = token
		}
	}
	if len(b.in.Tokens) > 0 && b.in.APISocket != "" {
		b.vars["NOMAD_UNIX_ADDR"] = "unix://" + b.in.APISocket
	}
}

// meta exposes the values of the job, overlaid by the group's and the task's,
// as written and in upper case.
func (b *builder) meta() {
	merged := map[string]string{}
	if p := b.job.ParameterizedJob; p != nil && b.job.Dispatched {
		for _, k := range p.MetaOptional {
			merged[k] = ""
		}
	}
	for _, m := range [...]map[string]string{b.job.Meta, b.group.Meta, b.in.Task.Meta} {
		maps.Copy(merged, m)
	}
	for _, k := range slices.Sorted(maps.Keys(merged)) {
		name, value := b.replace(k), b.replace(merged[k])
		b.vars["NOMAD_META_"+name] = value
		b.vars["NOMAD_META_"+strings.ToUpper(name)] = value
	}
}

func (b *builder) host() {
	for _, k := range slices.Sorted(maps.Keys(b.in.HostEnv)) {
		if _, set := b.vars[k]; !set {
			b.vars[k] = b.replace(b.in.HostEnv[k])
		}
	}
}

// upstreams tell where the sidecar listens for the services the task calls.
func (b *builder) upstreams() {
	for _, s := range b.group.Services {
		if s.Connect == nil || s.Connect.SidecarService == nil || s.Connect.SidecarService.Proxy == nil {
			continue
		}
		for _, u := range s.Connect.SidecarService.Proxy.Upstreams {
			port := strconv.Itoa(u.LocalBindPort)
			for _, name := range [...]string{u.DestinationName, cleanName(u.DestinationName)} {
				b.vars["NOMAD_UPSTREAM_ADDR_"+name] = net.JoinHostPort(upstreamIP, port)
				b.vars["NOMAD_UPSTREAM_IP_"+name] = upstreamIP
				b.vars["NOMAD_UPSTREAM_PORT_"+name] = port
			}
		}
	}
}
