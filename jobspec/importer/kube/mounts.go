package kube

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/nomadlike/nomadlike/jobspec/importer/outline"
)

func sortAttrs(t *outline.Task) {
	slices.SortStableFunc(t.Attrs, func(a, b outline.Attr) int { return cmp.Compare(a.Name, b.Name) })
}

// alternatives is a regular expression for any of the values.
func alternatives(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = regexp.QuoteMeta(v)
	}
	return "^(" + strings.Join(quoted, "|") + ")$"
}

// nodeAttribute is the property of nodes that a label stands for. Labels of
// one's own become metadata of the nodes.
func nodeAttribute(label string) string {
	switch label {
	case "kubernetes.io/os", "beta.kubernetes.io/os":
		return "${attr.kernel.name}"
	case "kubernetes.io/arch", "beta.kubernetes.io/arch":
		return "${attr.cpu.arch}"
	case "kubernetes.io/hostname":
		return "${attr.unique.hostname}"
	case "topology.kubernetes.io/region":
		return "${node.region}"
	}
	return "${meta." + outline.Label(path.Base(label), "label") + "}"
}

func (p *pod) mounts(t *outline.Task, c corev1.Container) {
	for _, m := range c.VolumeMounts {
		if p.claim(t, m) {
			continue
		}
		for _, v := range p.spec.Volumes {
			if v.Name == m.Name {
				p.mount(t, m, v)
			}
		}
	}
}

// claim mounts a volume that each instance has its own of.
func (p *pod) claim(t *outline.Task, m corev1.VolumeMount) bool {
	for _, c := range p.w.claims {
		if c.Name != m.Name {
			continue
		}
		known := len(p.g.Volumes)
		v := p.g.AddVolume(c.Name, p.w.meta.Name+"-"+c.Name)
		if len(p.g.Volumes) > known {
			v.PerAlloc = true
			size := c.Spec.Resources.Requests[corev1.ResourceStorage]
			v.Check("each instance needs a host volume of its own, named %s[0] and so on, of %s", v.Source, size.String())
		}
		p.volumeMount(t, v, m)
		return true
	}
	return false
}

func (p *pod) volumeMount(t *outline.Task, v *outline.Volume, m corev1.VolumeMount) {
	out := &outline.VolumeMount{Volume: v.Name, Target: m.MountPath, ReadOnly: m.ReadOnly}
	if m.SubPath != "" {
		out.Lost("the sub path %s: all of the volume is mounted", m.SubPath)
	}
	t.VolumeMounts = append(t.VolumeMounts, out)
}

func (p *pod) mount(t *outline.Task, m corev1.VolumeMount, v corev1.Volume) {
	switch {
	case v.ConfigMap != nil:
		kept, ok := p.r.configs[p.w.meta.Namespace+"/"+v.ConfigMap.Name]
		config := kept.object
		kept.use(p.w.job, &t.Notes)
		if !ok {
			t.Lost("the files of the config map %s at %s, which is in none of the files", v.ConfigMap.Name, m.MountPath)
			return
		}
		data := keys(config)
		eachFile(outline.Keys(data), v.ConfigMap.Items, m, func(key, target string) {
			t.Templates = append(t.Templates, &outline.Template{Path: target, Data: data[key], Perms: mode(v.ConfigMap.DefaultMode, v.ConfigMap.Items, key)})
		})
	case v.Secret != nil:
		list := p.secretKeys(v.Secret.SecretName)
		if len(list) == 0 {
			for _, i := range v.Secret.Items {
				list = append(list, i.Key)
			}
		}
		if len(list) == 0 && m.SubPath != "" {
			list = []string{m.SubPath}
		}
		if len(list) == 0 {
			t.Lost("the files of the secret %s at %s, which is in none of the files", v.Secret.SecretName, m.MountPath)
			return
		}
		eachFile(list, v.Secret.Items, m, func(key, target string) {
			t.Templates = append(t.Templates, &outline.Template{Path: target, Secret: outline.Label(item(v.Secret.SecretName, key), "item"), Perms: mode(v.Secret.DefaultMode, v.Secret.Items, key)})
		})
	case v.PersistentVolumeClaim != nil:
		m.ReadOnly = m.ReadOnly || v.PersistentVolumeClaim.ReadOnly
		known := len(p.g.Volumes)
		out := p.g.AddVolume(v.Name, v.PersistentVolumeClaim.ClaimName)
		if len(p.g.Volumes) > known {
			kept := p.r.claims[p.w.meta.Namespace+"/"+v.PersistentVolumeClaim.ClaimName]
			kept.use(p.w.job, &out.Notes)
			size := ""
			if asked, ok := kept.object.Spec.Resources.Requests[corev1.ResourceStorage]; ok {
				size = " of " + asked.String()
			}
			out.Check("the nodes must have the host volume %s%s: make it with nomadlike volume create, or declare it in the configuration of the nodes", out.Source, size)
		}
		p.volumeMount(t, out, m)
	case v.Projected != nil:
		p.projected(t, m, v)
	case v.HostPath != nil:
		out := &outline.Mount{Type: "bind", Source: v.HostPath.Path, Target: m.MountPath, ReadOnly: m.ReadOnly}
		out.Check("a path of the node: the docker plugin must allow it with volumes { enabled = true }")
		t.Mounts = append(t.Mounts, out)
	case v.EmptyDir != nil:
		p.emptyDir(t, m, v)
	default:
		t.Lost("the volume %s at %s, of a kind that has no counterpart", v.Name, m.MountPath)
	}
}

// projected mounts the sources of a volume one by one.
func (p *pod) projected(t *outline.Task, m corev1.VolumeMount, v corev1.Volume) {
	for _, s := range v.Projected.Sources {
		one := corev1.Volume{Name: v.Name}
		switch {
		case s.ConfigMap != nil:
			one.ConfigMap = &corev1.ConfigMapVolumeSource{LocalObjectReference: s.ConfigMap.LocalObjectReference, Items: s.ConfigMap.Items, DefaultMode: v.Projected.DefaultMode}
		case s.Secret != nil:
			one.Secret = &corev1.SecretVolumeSource{SecretName: s.Secret.Name, Items: s.Secret.Items, DefaultMode: v.Projected.DefaultMode}
		case s.ServiceAccountToken != nil:
			t.Lost("the token for %s at %s: an identity block with file = true writes one", s.ServiceAccountToken.Audience, m.MountPath)
			continue
		default:
			t.Lost("a source of the volume %s at %s: write it in a template block", v.Name, m.MountPath)
			continue
		}
		p.mount(t, m, one)
	}
}

// mode gives the permissions of a file.
func mode(all *int32, items []corev1.KeyToPath, key string) string {
	for _, i := range items {
		if i.Key == key && i.Mode != nil {
			all = i.Mode
		}
	}
	if all == nil {
		return ""
	}
	return fmt.Sprintf("%04o", *all&0o777)
}

// eachFile gives the files of a volume: those of its items, or all keys.
func eachFile(list []string, items []corev1.KeyToPath, m corev1.VolumeMount, add func(key, target string)) {
	names := map[string]string{}
	for _, k := range list {
		names[k] = k
	}
	if len(items) > 0 {
		clear(names)
		for _, i := range items {
			names[i.Key] = i.Path
		}
	}
	for _, k := range outline.Keys(names) {
		switch {
		case m.SubPath == "":
			add(k, path.Join(m.MountPath, names[k]))
		case m.SubPath == names[k]:
			add(k, m.MountPath)
		}
	}
}

// emptyDir is a directory that the containers of a pod share: memory, or a
// volume that is named for the allocation.
func (p *pod) emptyDir(t *outline.Task, m corev1.VolumeMount, v corev1.Volume) {
	if v.EmptyDir.Medium == corev1.StorageMediumMemory {
		out := &outline.Mount{Type: "tmpfs", Target: m.MountPath}
		if v.EmptyDir.SizeLimit != nil {
			out.SizeMB = outline.Bytes(approximate(*v.EmptyDir.SizeLimit))
		}
		t.Mounts = append(t.Mounts, out)
		return
	}
	t.Mounts = append(t.Mounts, outline.Scratch(v.Name, m.MountPath, m.ReadOnly))
}

// probes makes checks, once it is known which services there are.
func (p *pod) probes() {
	for i, c := range p.spec.Containers {
		t := p.tasks[i]
		grace := time.Duration(0)
		if s := c.StartupProbe; s != nil {
			period, failures := s.PeriodSeconds, s.FailureThreshold
			if period < 1 {
				period = 10 // Kubernetes' own, as is 3
			}
			if failures < 1 {
				failures = 3
			}
			grace = min(seconds(s.InitialDelaySeconds)+seconds(period)*time.Duration(min(failures, 1000)), 24*time.Hour)
		}
		if live := c.LivenessProbe; live != nil {
			if grace == 0 {
				grace = seconds(live.InitialDelaySeconds)
			}
			p.probe(t, live, true, grace)
			if sameHandler(live, c.ReadinessProbe) {
				t.Check("one check stands for the liveness and the readiness probe, which asked the same")
				continue
			}
		}
		if c.ReadinessProbe != nil {
			p.probe(t, c.ReadinessProbe, false, 0)
		}
	}
}

// limit is how many failures in a row restart a container.
func limit(probe *corev1.Probe) int {
	if probe.FailureThreshold < 1 || probe.FailureThreshold > 1000 {
		return 3 // Kubernetes' own
	}
	return int(probe.FailureThreshold)
}

func seconds(n int32) time.Duration { return outline.Seconds(int(n)) }

func sameHandler(a, b *corev1.Probe) bool {
	if a == nil || b == nil || a.HTTPGet == nil || b.HTTPGet == nil {
		return false
	}
	return a.HTTPGet.Path == b.HTTPGet.Path && a.HTTPGet.Port == b.HTTPGet.Port
}

// probe makes a check, which restarts the task when it is that of liveness.
func (p *pod) probe(t *outline.Task, probe *corev1.Probe, live bool, grace time.Duration) {
	interval, timeout := seconds(probe.PeriodSeconds), max(seconds(probe.TimeoutSeconds), time.Second)
	check := outline.NewCheck("tcp", interval, timeout)
	number := 0
	switch {
	case probe.HTTPGet != nil:
		h := probe.HTTPGet
		number = p.portNumber(h.Port.StrVal, int(h.Port.IntVal))
		check.Type, check.Path = "http", h.Path
		if check.Path == "" {
			check.Path = "/"
		}
		if h.Scheme == corev1.URISchemeHTTPS {
			check.Protocol = "https"
		}
		for _, header := range h.HTTPHeaders {
			if check.Headers == nil {
				check.Headers = map[string]string{}
			}
			check.Headers[header.Name] = header.Value
		}
	case probe.TCPSocket != nil:
		number = p.portNumber(probe.TCPSocket.Port.StrVal, int(probe.TCPSocket.Port.IntVal))
	case probe.GRPC != nil:
		number = int(probe.GRPC.Port)
		check.Lost("the probe asked by gRPC; this check only connects")
	case probe.Exec != nil:
		h := outline.Health{Command: strings.Join(probe.Exec.Command, " "), Interval: interval, Timeout: timeout}
		if live {
			h.RestartLimit, h.RestartGrace = limit(probe), grace
		}
		p.g.CommandHealth(t, p.w.meta.Name, h)
		return
	}
	known := p.g.PortLabel("", number)
	if known == nil {
		t.Lost("a probe of a port that has no number")
		return
	}
	p.publish(known)
	if live {
		check.RestartLimit, check.RestartGrace = limit(probe), grace
	}
	s := p.g.Expose(p.w.meta.Name, known)
	s.Checks = append(s.Checks, check)
}
