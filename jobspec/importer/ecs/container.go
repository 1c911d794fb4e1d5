package ecs

import (
	"fmt"
	"strings"

	"github.com/nomadlike/nomadlike/jobspec/importer/outline"
)

func newTask(t taskDefinition, g *outline.Group, c container) *outline.Task {
	task := &outline.Task{
		Name: outline.Name(c.Name, "task"), Image: c.Image, User: c.User, Entrypoint: c.EntryPoint, Args: c.Command,
		WorkDir: c.WorkingDirectory, KillTimeout: outline.Seconds(c.StopTimeout), Labels: c.DockerLabels, CPU: outline.Cores(c.CPU / 1024),
	}
	hard := outline.Bytes(c.Memory * (1 << 20))
	task.MemoryMB, task.MemoryMaxMB = outline.Bytes(c.MemoryReservation*(1<<20)), hard
	if task.MemoryMB == 0 {
		task.MemoryMB = hard
	}
	for _, e := range c.Environment {
		task.PlainEnv(e.Name, e.Value)
	}
	task.HideSecrets()
	for _, e := range c.Secrets {
		task.SecretEnv(e.Name, e.Name).Check("%s was read from %s", e.Name, e.ValueFrom)
	}
	for _, f := range c.EnvironmentFiles {
		task.Lost("the environment file %s: fetch it with an artifact block, or write it in a template", f.Value)
	}
	ports(t, g, task, c)
	mounts(t, g, task, c)
	options(t, task, c)
	return task
}

func ports(t taskDefinition, g *outline.Group, task *outline.Task, c container) {
	for _, m := range c.PortMappings {
		p := g.PortLabel(m.Name, m.ContainerPort)
		if p == nil {
			continue
		}
		if t.NetworkMode != "awsvpc" && m.HostPort > 0 && m.HostPort <= 65535 {
			p.Static = m.HostPort
		}
		task.PortLabels = append(task.PortLabels, p.Label)
		g.Expose(outline.Name(t.Family, "service"), p)
	}
	if len(c.Links) > 0 {
		task.Lost("the links %s: find the address in NOMAD_ADDR_<label> of the port", strings.Join(c.Links, ", "))
	}
}

func mounts(t taskDefinition, g *outline.Group, task *outline.Task, c container) {
	for _, m := range c.MountPoints {
		for _, v := range t.Volumes {
			switch {
			case v.Name != m.SourceVolume:
			case v.EFS != nil:
				known := len(g.Volumes)
				out := g.AddVolume(v.Name, v.Name)
				if len(g.Volumes) > known {
					out.Check("it was the file system %s: mount it on the nodes as the host volume %s, or use its CSI plugin", v.EFS.FileSystemID, out.Source)
				}
				task.VolumeMounts = append(task.VolumeMounts, &outline.VolumeMount{Volume: out.Name, Target: m.ContainerPath, ReadOnly: m.ReadOnly})
			case v.Host != nil && v.Host.SourcePath != "":
				out := &outline.Mount{Type: "bind", Source: v.Host.SourcePath, Target: m.ContainerPath, ReadOnly: m.ReadOnly}
				out.Check("a path of the node: the docker plugin must allow it with volumes { enabled = true }")
				task.Mounts = append(task.Mounts, out)
			case v.Docker != nil && v.Docker.Scope == "shared":
				out := &outline.Mount{Type: "volume", Source: v.Name, Target: m.ContainerPath, ReadOnly: m.ReadOnly}
				out.Check("a docker volume of the node, which the docker plugin must allow with volumes { enabled = true }; it starts empty on another node, and a host volume or a CSI volume keeps the task where its data is")
				task.Mounts = append(task.Mounts, out)
			default:
				task.Mounts = append(task.Mounts, outline.Scratch(v.Name, m.ContainerPath, m.ReadOnly))
			}
		}
	}
}

func options(t taskDefinition, task *outline.Task, c container) {
	add := func(name string, value any) {
		task.Attrs = append(task.Attrs, outline.Attr{Name: name, Value: value})
	}
	if c.Hostname != "" {
		add("hostname", c.Hostname)
	}
	if c.Privileged {
		add("privileged", true)
	}
	if c.ReadonlyRootFilesystem {
		add("readonly_rootfs", true)
	}
	if c.PseudoTerminal {
		add("tty", true)
	}
	if c.Interactive {
		add("interactive", true)
	}
	if t.PIDMode == "host" {
		add("pid_mode", "host")
	} else if t.PIDMode != "" {
		task.Lost("pidMode %s: containers see their own processes only", t.PIDMode)
	}
	if t.IPCMode == "host" {
		add("ipc_mode", "host")
	} else if t.IPCMode != "" {
		task.Lost("ipcMode %s: containers have their own", t.IPCMode)
	}
	for _, list := range []struct {
		name  string
		items []string
	}{{"dns_servers", c.DNSServers}, {"dns_search_domains", c.DNSSearchDomains}, {"security_opt", c.DockerSecurityOptions}} {
		if len(list.items) > 0 {
			add(list.name, list.items)
		}
	}
	var hosts []string
	for _, h := range c.ExtraHosts {
		hosts = append(hosts, h.Hostname+":"+h.IPAddress)
	}
	if len(hosts) > 0 {
		add("extra_hosts", hosts)
	}
	sysctls := map[string]string{}
	for _, s := range c.SystemControls {
		sysctls[s.Namespace] = s.Value
	}
	if len(sysctls) > 0 {
		add("sysctl", sysctls)
	}
	if l := c.LinuxParameters; l != nil {
		if l.InitProcessEnabled {
			add("init", true)
		}
		if l.SharedMemorySize > 0 && l.SharedMemorySize < 1<<20 {
			add("shm_size", l.SharedMemorySize<<20)
		}
		for _, m := range l.Tmpfs {
			task.Mounts = append(task.Mounts, &outline.Mount{Type: "tmpfs", Target: m.ContainerPath, SizeMB: min(max(m.Size, 0), 1<<20)})
		}
		if l.Capabilities != nil && len(l.Capabilities.Add) > 0 {
			add("cap_add", l.Capabilities.Add)
		}
		if l.Capabilities != nil && len(l.Capabilities.Drop) > 0 {
			add("cap_drop", l.Capabilities.Drop)
		}
	}
	if len(c.Ulimits) > 0 {
		limits := map[string]string{}
		for _, u := range c.Ulimits {
			limits[u.Name] = fmt.Sprintf("%d:%d", u.SoftLimit, u.HardLimit)
		}
		add("ulimit", limits)
	}
	for _, need := range c.ResourceRequirements {
		n := int(units(need.Value))
		if need.Type == "GPU" && n > 0 && n <= 1024 {
			task.Devices = append(task.Devices, outline.Device{Name: "nvidia/gpu", Count: n})
			continue
		}
		task.Lost("the resource %s %s", need.Type, need.Value)
	}
	if c.RepositoryCredentials != nil {
		task.Check("the registry login %s: give it to the docker plugin of the nodes, or in config { auth { ... } }", c.RepositoryCredentials.CredentialsParameter)
	}
}
