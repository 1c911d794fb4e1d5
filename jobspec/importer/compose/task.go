package compose

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/nomadlike/nomadlike/jobspec/importer/outline"
)

// inlineBytesMax is the largest file that is taken into the job file.
const inlineBytesMax = 64 << 10

func (r *reader) task(g *outline.Group, s types.ServiceConfig) *outline.Task {
	t := &outline.Task{
		Name: outline.Name(s.Name, "task"), Image: s.Image, User: s.User,
		Entrypoint: s.Entrypoint, Args: s.Command, WorkDir: s.WorkingDir, KillSignal: s.StopSignal,
	}
	if s.Build != nil {
		t.Check("the image was built from %s: build it and push it to a registry that the nodes reach", r.shown(s.Build.Context))
	}
	if t.Image == "" {
		t.Image = r.main.Name + "-" + t.Name + ":latest"
	}
	if s.StopGracePeriod != nil {
		t.KillTimeout = time.Duration(*s.StopGracePeriod)
	}
	t.PortLabels = r.ports(g, s)
	r.env(t, s)
	r.resources(t, s)
	r.files(t, s)
	r.volumes(g, t, s)
	r.attributes(t, s)
	t.HideSecrets()
	r.checks = append(r.checks, func() { r.health(g, t, s) })
	r.labels(g, t, s)
	return t
}

func (r *reader) env(t *outline.Task, s types.ServiceConfig) {
	for _, name := range outline.Keys(s.Environment) {
		v := s.Environment[name]
		if v == nil {
			t.Check("%s was taken from the environment of whoever ran Compose, where it had no value", name)
			continue
		}
		t.PlainEnv(name, *v)
	}
}

func (r *reader) resources(t *outline.Task, s types.ServiceConfig) {
	var limits, asked types.Resource
	if s.Deploy != nil {
		if s.Deploy.Resources.Limits != nil {
			limits = *s.Deploy.Resources.Limits
		}
		if s.Deploy.Resources.Reservations != nil {
			asked = *s.Deploy.Resources.Reservations
		}
	}
	first := func(values ...float64) float64 {
		for _, v := range values {
			if v > 0 {
				return v
			}
		}
		return 0
	}
	t.CPU = outline.Cores(first(float64(asked.NanoCPUs), float64(limits.NanoCPUs), float64(s.CPUS), float64(s.CPUShares)/1024))
	most := outline.Bytes(first(float64(limits.MemoryBytes), float64(s.MemLimit)))
	t.MemoryMB = outline.Bytes(first(float64(asked.MemoryBytes), float64(s.MemReservation)))
	if t.MemoryMB == 0 {
		t.MemoryMB = most
	}
	t.MemoryMaxMB = most
	if pids := max(limits.Pids, s.PidsLimit); pids > 0 && pids < 1<<22 {
		t.Attrs = append(t.Attrs, outline.Attr{Name: "pids_limit", Value: int(pids)})
	}
	for _, d := range append(append([]types.DeviceRequest{}, asked.Devices...), s.Gpus...) {
		device(t, d)
	}
}

func device(t *outline.Task, d types.DeviceRequest) {
	if !strings.Contains(strings.Join(d.Capabilities, ","), "gpu") && d.Driver != "nvidia" && len(d.Capabilities) > 0 {
		t.Lost("device with the capabilities %s", strings.Join(d.Capabilities, ", "))
		return
	}
	out := outline.Device{Name: "nvidia/gpu", Count: int(min(max(int64(d.Count), 1), 1024))}
	if d.Count < 0 {
		out.Check("all of the node's were asked for")
	}
	if len(d.IDs) > 0 {
		out.Lost("the devices %s: the scheduler chooses them", strings.Join(d.IDs, ", "))
		out.Count = min(len(d.IDs), 1024)
	}
	t.Devices = append(t.Devices, out)
}

// files carries configs and secrets over.
func (r *reader) files(t *outline.Task, s types.ServiceConfig) {
	for _, c := range s.Configs {
		target := c.Target
		if target == "" {
			target = "/" + c.Source
		}
		f := &outline.Template{Path: target, Perms: perms(c.Mode)}
		def := types.FileObjectConfig(r.project.Configs[c.Source])
		switch {
		case def.Content != "":
			f.Data = def.Content
		case def.File != "":
			text, why := r.text(def.File)
			f.Data = text
			if why != "" {
				f.Lost("the content of %s: %s", r.shown(def.File), why)
			}
		default:
			f.Lost("the content of config %s, which lies outside of the file", c.Source)
		}
		t.Templates = append(t.Templates, f)
	}
	for _, c := range s.Secrets {
		target := c.Target
		if target == "" {
			target = c.Source
		}
		if !strings.HasPrefix(target, "/") {
			target = "/run/secrets/" + target
		}
		f := &outline.Template{Path: target, Secret: outline.Label(c.Source, "secret"), Perms: perms(c.Mode)}
		switch def := types.FileObjectConfig(r.project.Secrets[c.Source]); {
		case def.File != "":
			f.Check("it was the file %s: store it with %s=@%s", r.shown(def.File), f.Secret, r.shown(def.File))
		case def.Environment != "":
			f.Check("it was the variable %s of whoever ran Compose", def.Environment)
		}
		t.Templates = append(t.Templates, f)
	}
}

func perms(mode *types.FileMode) string {
	if mode == nil {
		return ""
	}
	return fmt.Sprintf("%04o", int64(*mode)&0o7777)
}

// text is a file that can stand in a job file, or why it cannot.
func (r *reader) text(path string) (text, why string) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", "the file is not there; put it here"
	case !info.Mode().IsRegular():
		return "", "it is no file"
	case info.Size() > inlineBytesMax:
		return "", fmt.Sprintf("it has more than %d KiB; fetch it with an artifact block", inlineBytesMax>>10)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", "it cannot be read"
	}
	if !utf8.Valid(raw) || strings.ContainsRune(string(raw), 0) {
		return "", "it is not text; fetch it with an artifact block"
	}
	return string(raw), ""
}

// shown is a path as the file had it.
func (r *reader) shown(path string) string {
	if rel, err := filepath.Rel(r.dir, path); err == nil && filepath.IsAbs(path) && !strings.HasPrefix(rel, "..") {
		return "./" + strings.TrimPrefix(filepath.ToSlash(rel), "./")
	}
	return path
}

func (r *reader) volumes(g *outline.Group, t *outline.Task, s types.ServiceConfig) {
	for _, v := range s.Volumes {
		switch v.Type {
		case types.VolumeTypeTmpfs:
			m := &outline.Mount{Type: "tmpfs", Target: v.Target}
			if v.Tmpfs != nil {
				m.SizeMB = outline.Bytes(float64(v.Tmpfs.Size))
			}
			t.Mounts = append(t.Mounts, m)
		case types.VolumeTypeBind:
			r.bind(g, t, v)
		case types.VolumeTypeVolume:
			name := v.Source
			if name == "" {
				t.Lost("the anonymous volume at %s: the data lies in the container and goes with it", v.Target)
				continue
			}
			if declared, ok := r.project.Volumes[v.Source]; ok && bool(declared.External) && declared.Name != "" {
				name = declared.Name
			} else {
				name = r.main.Name + "-" + name
			}
			m := &outline.Mount{Type: "volume", Source: name, Target: v.Target, ReadOnly: v.ReadOnly}
			m.Check("a docker volume of the node, which the docker plugin must allow with volumes { enabled = true }; it starts empty on another node, and a host volume or a CSI volume keeps the task where its data is")
			t.Mounts = append(t.Mounts, m)
		default:
			t.Lost("the %s volume at %s", v.Type, v.Target)
		}
	}
	for _, target := range s.Tmpfs {
		path, _, _ := strings.Cut(target, ":")
		t.Mounts = append(t.Mounts, &outline.Mount{Type: "tmpfs", Target: path})
	}
}

// host mounts a host volume.
func host(g *outline.Group, t *outline.Task, name, source, target string, readOnly bool) {
	known := len(g.Volumes)
	v := g.AddVolume(name, source)
	if len(g.Volumes) > known {
		v.Check("the nodes must have the host volume %s: make it with nomadlike volume create, or declare it in the configuration of the nodes", v.Source)
	}
	t.VolumeMounts = append(t.VolumeMounts, &outline.VolumeMount{Volume: v.Name, Target: target, ReadOnly: readOnly})
}

// bind carries a path of the host over: files beside the Compose file into the
// job, directories beside it to volumes, and others as they are.
func (r *reader) bind(g *outline.Group, t *outline.Task, v types.ServiceVolumeConfig) {
	shown := r.shown(v.Source)
	if shown == v.Source {
		m := &outline.Mount{Type: "bind", Source: v.Source, Target: v.Target, ReadOnly: v.ReadOnly}
		m.Check("a path of the node: the docker plugin must allow it with volumes { enabled = true }")
		t.Mounts = append(t.Mounts, m)
		return
	}
	if exists(v.Source) {
		if text, why := r.text(v.Source); why == "" {
			t.Templates = append(t.Templates, &outline.Template{Path: v.Target, Data: text})
		} else {
			t.Lost("the file %s at %s: %s", shown, v.Target, why)
		}
		return
	}
	if filepath.Ext(v.Source) != "" && filepath.Ext(v.Target) != "" {
		t.Lost("the file %s at %s: it is not there; put it into a template block", shown, v.Target)
		return
	}
	before := len(g.Volumes)
	base := filepath.Base(v.Source)
	if base == "." || filepath.Clean(v.Source) == r.dir {
		t.Lost("the directory %s at %s: it belongs into the image", shown, v.Target)
		return
	}
	host(g, t, base, r.main.Name+"-"+base, v.Target, v.ReadOnly)
	if len(g.Volumes) > before {
		g.Volumes[before].Check("it was the directory %s: copy what it holds", shown)
	}
}
