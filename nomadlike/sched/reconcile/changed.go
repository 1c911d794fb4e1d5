package reconcile

import (
	"maps"
	"reflect"
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Changed tells whether an allocation of the old version must be replaced to
// run the group of the new one. What it does not look at is changed in place. A
// job that was purged and registered again is another job: what runs of the first
// is to stop, and its versions have the same numbers.
func Changed(old, job *nl.Job, group string) bool {
	if old == job {
		return false
	}
	a, b := old.Group(group), job.Group(group)
	if old.CreateIndex != job.CreateIndex || a == nil || b == nil || len(a.Tasks) != len(b.Tasks) {
		return true
	}
	if !same(a.EphemeralDisk, b.EphemeralDisk) || !same(a.Volumes, b.Volumes) ||
		!same(a.Consul, b.Consul) || rendersAnew(a.RestartPolicy) != rendersAnew(b.RestartPolicy) || networksChanged(a.Networks, b.Networks) || meshChanged(a.Services, b.Services) {
		return true
	}
	for _, t := range b.Tasks {
		before := a.Task(t.Name)
		if before == nil || taskChanged(before, t) ||
			!maps.Equal(combinedMeta(old, a, before), combinedMeta(job, b, t)) {
			return true
		}
	}
	return false
}

func taskChanged(a, b *nl.Task) bool {
	return a.Driver != b.Driver || a.User != b.User ||
		!sameValue(a.Config, b.Config) || !same(a.Env, b.Env) || !same(a.Artifacts, b.Artifacts) ||
		!same(a.Templates, b.Templates) || !same(a.Vault, b.Vault) || !same(a.Consul, b.Consul) ||
		!same(a.Secrets, b.Secrets) || !same(a.Identity, b.Identity) || !same(a.Identities, b.Identities) ||
		!same(a.VolumeMounts, b.VolumeMounts) || !same(a.CSIPluginConfig, b.CSIPluginConfig) ||
		logsDisabled(a) != logsDisabled(b) || rendersAnew(a.RestartPolicy) != rendersAnew(b.RestartPolicy) || resourcesChanged(a.Resources, b.Resources)
}

func rendersAnew(p *nl.RestartPolicy) bool { return p != nil && p.RenderTemplates }

func logsDisabled(t *nl.Task) bool { return t.LogConfig != nil && t.LogConfig.Disabled }

func resourcesChanged(a, b *nl.Resources) bool {
	if a == nil || b == nil {
		return a != b
	}
	return a.CPU != b.CPU || a.CPUMillis != b.CPUMillis || a.Cores != b.Cores || a.MemoryMB != b.MemoryMB || a.MemoryMaxMB != b.MemoryMaxMB ||
		a.SecretsMB != b.SecretsMB || !same(a.Devices, b.Devices) || !same(a.NUMA, b.NUMA) ||
		networksChanged(a.Networks, b.Networks)
}

// networksChanged compares what was asked for, not what was assigned.
func networksChanged(a, b []*nl.Network) bool {
	return !slices.EqualFunc(a, b, func(x, y *nl.Network) bool {
		return x.Mode == y.Mode && x.Hostname == y.Hostname && x.MBits == y.MBits &&
			same(x.DNS, y.DNS) && same(x.CNI, y.CNI) &&
			same(x.ReservedPorts, y.ReservedPorts) && same(x.DynamicPorts, y.DynamicPorts)
	})
}

// meshChanged tells whether the services that need their own tasks and
// listeners differ; all others are changed in place.
func meshChanged(a, b []*nl.Service) bool {
	return !same(meshServices(a), meshServices(b))
}

func meshServices(services []*nl.Service) map[string]*nl.ConsulConnect {
	out := map[string]*nl.ConsulConnect{}
	for _, s := range services {
		if s.Connect != nil {
			out[s.Name+"\x00"+s.PortLabel] = s.Connect
		}
	}
	return out
}

// combinedMeta is the meta a task sees.
func combinedMeta(j *nl.Job, g *nl.Group, t *nl.Task) map[string]string {
	out := map[string]string{}
	maps.Copy(out, j.Meta)
	maps.Copy(out, g.Meta)
	maps.Copy(out, t.Meta)
	return out
}

// same is deep equality in which nothing and empty are alike.
func same[T any](a, b T) bool {
	x, y := reflect.ValueOf(&a).Elem(), reflect.ValueOf(&b).Elem()
	if isEmpty(x) && isEmpty(y) {
		return true
	}
	return reflect.DeepEqual(a, b)
}

func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Map, reflect.Slice:
		return v.Len() == 0
	case reflect.Pointer, reflect.Interface:
		return v.IsNil()
	}
	return false
}

// sameValue is equality of decoded configuration: what way a number took here
// (JSON, HCL or the log) must not matter, so numbers compare by value.
func sameValue(a, b any) bool {
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	switch {
	case !x.IsValid() || !y.IsValid():
		return (!x.IsValid() || isEmpty(x)) && (!y.IsValid() || isEmpty(y))
	case x.Kind() == reflect.Map && y.Kind() == reflect.Map:
		if x.Len() != y.Len() {
			return false
		}
		for it := x.MapRange(); it.Next(); {
			other := y.MapIndex(it.Key())
			if !other.IsValid() || !sameValue(it.Value().Interface(), other.Interface()) {
				return false
			}
		}
		return true
	case x.Kind() == reflect.Slice && y.Kind() == reflect.Slice:
		if x.Len() != y.Len() {
			return false
		}
		for i := range x.Len() {
			if !sameValue(x.Index(i).Interface(), y.Index(i).Interface()) {
				return false
			}
		}
		return true
	}
	if n, ok := number(x); ok {
		m, also := number(y)
		return also && n == m
	}
	return reflect.DeepEqual(a, b)
}

func number(v reflect.Value) (float64, bool) {
	switch {
	case v.CanInt():
		return float64(v.Int()), true
	case v.CanUint():
		return float64(v.Uint()), true
	case v.CanFloat():
		return v.Float(), true
	}
	return 0, false
}
