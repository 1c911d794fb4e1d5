package task

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	client "github.com/nomadlike/nomadlike/client/driver"
	"github.com/nomadlike/nomadlike/client/step/identity"
	"github.com/nomadlike/nomadlike/client/step/logs"
	"github.com/nomadlike/nomadlike/client/step/payload"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/interp"
	"github.com/nomadlike/nomadlike/plugins/base"
	"github.com/nomadlike/nomadlike/plugins/base/hclspec"
	"github.com/nomadlike/nomadlike/plugins/driver"
)

const (
	// runIDBytes is the random part of a run's ID.
	runIDBytes = 4
	megabyte   = 1 << 20
)

// Prepare runs the preparation steps. They may be repeated: what is done is
// remembered or does no harm.
func (s *Shell) Prepare(ctx context.Context, first bool) Prepared {
	_, _, t := s.current()
	if err := s.validate(t); err != nil {
		return Prepared{Err: err.Error(), Event: ValidationFailed(s.host.Now(), err.Error())}
	}
	taskDir := s.dirs.Task(s.name)
	if err := taskDir.Build(secretsMB(t)); err != nil {
		return s.setupFailed("task_dir", err, true)
	}
	if err := s.identities(ctx, t); err != nil {
		return s.setupFailed("identity", err, true)
	}
	if err := s.startLogs(); err != nil {
		return s.setupFailed("logmon", err, true)
	}
	if !s.done(donePayload) {
		alloc, _, _ := s.current()
		if err := payload.Do(alloc.Job, t, taskDir.Local()); err != nil {
			return s.setupFailed("dispatch_payload", err, false)
		}
		s.setDone(donePayload)
	}
	s.buildEnv(nil)
	if len(t.Artifacts) > 0 && !s.done(doneArtifacts) {
		s.emit(Downloading(s.host.Now()))
		if err := s.artifacts(ctx, t); err != nil {
			return Prepared{Err: err.Error(), Recoverable: true, Event: DownloadFailed(s.host.Now(), err.Error())}
		}
		s.setDone(doneArtifacts)
	}
	if err := s.templates(ctx, t, first); err != nil {
		return s.setupFailed("template", err, false)
	}
	return Prepared{}
}

func secretsMB(t *nl.Task) int {
	if t.Resources == nil {
		return 0
	}
	return t.Resources.SecretsMB
}

func (s *Shell) setupFailed(step string, err error, recoverable bool) Prepared {
	text := fmt.Sprintf("%s: %v", step, err)
	return Prepared{Err: text, Recoverable: recoverable, Event: SetupFailed(s.host.Now(), "failed to setup task: "+text)}
}

func (s *Shell) done(step string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rec.Done[step]
}

func (s *Shell) setDone(step string) {
	s.mu.Lock()
	s.rec.Done[step] = true
	s.mu.Unlock()
	s.keep()
}

// validate refuses what this node cannot do, before anything is made.
func (s *Shell) validate(t *nl.Task) error {
	if slices.Contains(s.host.UserDeny, t.User) && slices.Contains(s.host.UserChecked, t.Driver) {
		return fmt.Errorf("running as user %q is disallowed", t.User)
	}
	if t.Vault != nil {
		return errors.New("the task has a vault block, but this node has no Vault configured")
	}
	if len(t.Artifacts) > 0 && s.host.Fetch == nil {
		return errors.New("the task has artifacts, but this node cannot download them")
	}
	if len(t.Templates) > 0 && s.host.Render == nil {
		return errors.New("the task has templates, but this node cannot render them")
	}
	return nil
}

func (s *Shell) identities(ctx context.Context, t *nl.Task) error {
	alloc, _, _ := s.current()
	dirs := s.dirs.Task(s.name)
	tokens, err := identity.Do(ctx, s.host.Signer, alloc.ID, t, dirs.Root, dirs.Secrets(), len(t.Templates) > 0)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.tokens = tokens
	s.mu.Unlock()
	return nil
}

// startLogs begins to collect output, unless that runs already or is not
// wanted.
func (s *Shell) startLogs() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pump != nil || logsDisabled(s.task) {
		return nil
	}
	limits := logs.Limits{Files: 10, FileSize: 10 * megabyte}
	if c := s.task.LogConfig; c != nil {
		limits = logs.Limits{Files: c.MaxFiles, FileSize: int64(c.MaxFileSizeMB) * megabyte}
	}
	pump, err := logs.Start(s.dirs.Logs(), s.name, limits, s.host.Buffers, func(err error) {
		s.log.Error("output of the task is lost", "error", err)
	})
	s.pump = pump
	return err
}

func logsDisabled(t *nl.Task) bool { return t.LogConfig != nil && t.LogConfig.Disabled }

// artifacts downloads all artifacts, a few at a time.
func (s *Shell) artifacts(ctx context.Context, t *nl.Task) error {
	const parallel = 3
	s.mu.Lock()
	env := s.env
	s.mu.Unlock()
	slots, errs := make(chan struct{}, parallel), make(chan error, len(t.Artifacts))
	for _, a := range t.Artifacts {
		go func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			errs <- s.host.Fetch.Fetch(ctx, FetchRequest{
				Artifact: a, TaskDir: s.dirs.Task(s.name).Root, AllocDir: s.dirs.Root, User: t.User, Replace: env.Replace,
			})
		}()
	}
	var all []error
	for range t.Artifacts {
		all = append(all, <-errs)
	}
	return errors.Join(all...)
}

// templates renders at the first start, and again when the policy says so.
func (s *Shell) templates(ctx context.Context, t *nl.Task, first bool) error {
	if len(t.Templates) == 0 {
		return nil
	}
	s.mu.Lock()
	stop, running := s.tmplStop, s.tmplStop != nil
	again := t.RestartPolicy != nil && t.RestartPolicy.RenderTemplates
	alloc, token := s.alloc, s.tokens.Default
	s.mu.Unlock()
	if running && !first && !again {
		return nil
	}
	if running {
		stop()
	}
	env, stop, err := s.host.Render.Render(ctx, RenderRequest{
		Task: t, Namespace: alloc.Namespace, Dirs: s.dirs.Task(s.name), AllocRoot: s.dirs.Root, Token: token,
		Env: func() interp.Env {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.env
		},
		Waiting: func(message string) { s.emit(Message(s.host.Now(), EventTemplate, message)) },
		Change:  s.templateChanged,
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.tmplEnv, s.tmplStop = env, stop
	s.mu.Unlock()
	return nil
}

// followTemplates watches the templates of a restored task again. The task runs
// on when that is not possible.
func (s *Shell) followTemplates(ctx context.Context, t *nl.Task) {
	err := s.identities(ctx, t)
	if err == nil {
		err = s.templates(ctx, t, true)
	}
	if err != nil && ctx.Err() == nil {
		s.log.Warn("templates of the restored task are not watched", "error", err)
	}
}

// templateChanged applies the change modes of templates that changed: a restart
// makes signals and scripts needless.
func (s *Shell) templateChanged(c TemplateChange) {
	if c.Err != nil {
		s.ask(Kill{Event: Message(s.host.Now(), EventTemplate, c.Err.Error()), Reason: c.Err.Error(), Fails: true})
		return
	}
	s.mu.Lock()
	s.tmplEnv = c.Env
	s.mu.Unlock()
	if c.Restart {
		s.ask(Restart{Reason: "Template with change_mode restart re-rendered"})
		return
	}
	for _, sig := range c.Signals {
		s.ask(SignalAsked{Signal: sig, Reason: "Template re-rendered"})
	}
	for _, script := range c.Scripts {
		if script != nil {
			go s.runScript(script)
		}
	}
}

// runScript runs the change script of a template in the task.
func (s *Shell) runScript(script *nl.ChangeScript) {
	ctx, cancel := context.WithTimeout(context.Background(), max(script.Timeout, time.Second))
	defer cancel()
	h, run, err := s.Handle(ctx)
	if err == nil {
		var res *driver.ExecResult
		res, err = h.ExecTask(ctx, run, append([]string{script.Command}, script.Args...), script.Timeout)
		if err == nil && res.Exit.ExitCode != 0 {
			err = fmt.Errorf("exit code %d: %s", res.Exit.ExitCode, res.Stderr)
		}
	}
	if err == nil {
		s.emit(Message(s.host.Now(), EventHookMessage, "Template successfully ran script: "+script.Command))
		return
	}
	text := fmt.Sprintf("Template failed to run script %s: %v", script.Command, err)
	s.emit(Message(s.host.Now(), EventHookFailed, text))
	if script.FailOnError {
		s.ask(Kill{Event: Message(s.host.Now(), EventTemplate, text), Reason: text, Fails: true})
	}
}

// SignalAsked asks the runner to signal the task. The machine ignores it.
type SignalAsked struct{ Signal, Reason string }

// view is how the task sees its directories.
func (s *Shell) view(iso driver.FSIsolation) interp.Dirs {
	if iso == driver.FSIsolationChroot || iso == driver.FSIsolationImage {
		return interp.Dirs{Alloc: "/alloc", Local: "/local", Secrets: "/secrets"}
	}
	t := s.dirs.Task(s.name)
	return interp.Dirs{Alloc: s.dirs.Shared(), Local: t.Local(), Secrets: t.Secrets()}
}

// buildEnv makes the environment anew. Without a driver the host's view of
// directories is used, which is enough to interpolate names and sources.
func (s *Shell) buildEnv(h *client.Handle) interp.Env {
	iso := driver.FSIsolationNone
	if h != nil {
		iso = h.Caps.FSIsolation
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	in := interp.Input{
		Alloc: s.alloc, Group: s.group, Task: s.task, Node: s.host.Node(), Region: s.host.Region,
		Dirs: s.view(iso), CgroupParent: s.host.CgroupParent, TemplateEnv: s.tmplEnv,
	}
	if iso != driver.FSIsolationImage {
		in.HostEnv = s.host.HostEnv
	}
	if s.tokens != nil {
		in.Tokens = s.tokens.Env
	}
	if n := s.rec.Network; n != nil {
		in.DriverNetwork = &interp.DriverNetwork{IP: n.IP, PortMap: n.PortMap}
	}
	s.env = interp.BuildEnv(in)
	return s.env
}

// taskConfig is everything the driver gets to know.
func (s *Shell) taskConfig(h *client.Handle) (*driver.TaskConfig, error) {
	env := s.buildEnv(h)
	alloc, group, t := s.current()
	body, err := hclspec.Decode(h.Schema, t.Config, env.Values())
	if err != nil {
		return nil, fmt.Errorf("failed to decode driver config: %w", err)
	}
	raw, err := hclspec.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("failed to encode driver config: %w", err)
	}
	mounts, err := s.mounts(h, group, t)
	if err != nil {
		return nil, err
	}
	node := s.host.Node()
	c := &driver.TaskConfig{
		ID: alloc.ID + "/" + t.Name + "/" + newRunID(), Name: t.Name,
		JobID: alloc.JobID, JobName: alloc.Job.Name, ParentJobID: alloc.Job.ParentID, TaskGroupName: alloc.TaskGroup,
		AllocID: alloc.ID, Namespace: alloc.Namespace, NodeID: node.ID, NodeName: node.Name,
		Env: env.Map(), Mounts: mounts, User: t.User, AllocDir: s.dirs.Root,
		StdoutPath: driver.NullDevice, StderrPath: driver.NullDevice,
		DriverConfig: raw,
	}
	if !logsDisabled(t) {
		c.StdoutPath = logs.FIFO(s.dirs.Logs(), t.Name, "stdout")
		c.StderrPath = logs.FIFO(s.dirs.Logs(), t.Name, "stderr")
	}
	if len(group.Networks) > 0 {
		if d := group.Networks[0].DNS; d != nil {
			c.DNS = &driver.DNS{Servers: env.ReplaceAll(d.Servers), Searches: env.ReplaceAll(d.Searches), Options: env.ReplaceAll(d.Options)}
		}
	}
	c.Resources, err = s.resources(alloc, t, node)
	return c, err
}

func newRunID() string {
	var b [runIDBytes]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

func (s *Shell) resources(alloc *nl.Alloc, t *nl.Task, node *nl.Node) (*driver.Resources, error) {
	out := &driver.Resources{}
	res := alloc.AllocatedResources
	if res == nil || res.Tasks[t.Name] == nil {
		return out, nil
	}
	r := res.Tasks[t.Name]
	if len(r.Devices) > 0 {
		return nil, errors.New("the task asks for devices, but this node has no device plugin that reserves them")
	}
	out.CPUMHz, out.MemoryMB, out.MemoryMaxMB = r.Cpu.CpuShares, r.Memory.MemoryMB, r.Memory.MemoryMaxMB
	out.Linux.CPUShares = r.Cpu.CpuShares
	out.Linux.MemoryLimitBytes = max(r.Memory.MemoryMB, r.Memory.MemoryMaxMB) * megabyte
	if total := usableMHz(node); total > 0 {
		out.Linux.PercentTicks = float64(r.Cpu.CpuShares) / float64(total)
	}
	if len(r.Cpu.ReservedCores) > 0 {
		out.Linux.CpusetCPUs = CoreList(r.Cpu.ReservedCores)
	}
	for _, p := range res.Shared.Ports {
		out.Ports = append(out.Ports, driver.PortMapping{Label: p.Label, Value: p.Value, To: p.To, HostIP: p.HostIP})
	}
	for _, n := range r.Networks {
		tn := &driver.TaskNetwork{Device: n.Device, CIDR: n.CIDR, IP: n.IP, MBits: n.MBits}
		for _, p := range n.ReservedPorts {
			tn.ReservedPorts = append(tn.ReservedPorts, driver.Port{Label: p.Label, Value: p.Value})
		}
		for _, p := range n.DynamicPorts {
			tn.DynamicPorts = append(tn.DynamicPorts, driver.Port{Label: p.Label, Value: p.Value})
		}
		out.Networks = append(out.Networks, tn)
	}
	if s.host.Cgroups == nil {
		return out, nil
	}
	path, err := s.host.Cgroups.Make(alloc.ID, t.Name, r.Cpu.ReservedCores)
	out.Linux.CpusetCgroup = path
	return out, err
}

func usableMHz(n *nl.Node) int64 {
	if n.NodeResources == nil {
		return 0
	}
	return n.NodeResources.Cpu.CpuShares
}

// CoreList spells cores as kernels do: 0-2,5.
func CoreList(cores []uint64) string {
	cores = slices.Sorted(slices.Values(cores))
	out := ""
	for i := 0; i < len(cores); {
		j := i
		for j+1 < len(cores) && cores[j+1] == cores[j]+1 {
			j++
		}
		if out != "" {
			out += ","
		}
		out += fmt.Sprint(cores[i])
		if j > i {
			out += "-" + fmt.Sprint(cores[j])
		}
		i = j + 1
	}
	return out
}

// mounts are the host volumes of the task.
func (s *Shell) mounts(h *client.Handle, g *nl.Group, t *nl.Task) ([]*driver.Mount, error) {
	var out []*driver.Mount
	for _, m := range t.VolumeMounts {
		req := g.Volumes[m.Volume]
		if req == nil {
			return nil, fmt.Errorf("volume %q is not a volume of the group", m.Volume)
		}
		if h.Caps.NoMounts {
			return nil, fmt.Errorf("volume %q cannot be mounted: the driver does not support mounts", m.Volume)
		}
		if req.Type != "host" {
			return nil, fmt.Errorf("volume %q has type %q, which this node does not support", m.Volume, req.Type)
		}
		source := req.Source
		if req.PerAlloc {
			alloc, _, _ := s.current()
			source += allocIndex(alloc.Name)
		}
		vol := s.host.Node().HostVolumes[source]
		if vol == nil {
			return nil, fmt.Errorf("host volume %q is not on this node", source)
		}
		out = append(out, &driver.Mount{
			TaskPath: m.Destination, HostPath: filepath.Clean(vol.Path), Propagation: m.PropagationMode,
			Readonly: vol.ReadOnly || req.ReadOnly || m.ReadOnly, RequestName: m.Volume, SELinuxLabel: m.SELinuxLabel,
		})
	}
	return out, nil
}

// allocIndex is the bracketed end of an allocation's name.
func allocIndex(name string) string {
	if i := strings.LastIndexByte(name, '['); i >= 0 {
		return name[i:]
	}
	return ""
}

func isShutdown(err error) bool  { return errors.Is(err, base.ErrPluginShutdown) }
func recoverable(err error) bool { return base.IsRecoverable(err) || isShutdown(err) }

// Exposed tells whether the task sees an identity.
func (s *Shell) Exposed() bool {
	_, _, t := s.current()
	return identity.Exposed(t)
}
