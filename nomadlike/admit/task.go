package admit

import (
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/expr"
)

// Bounds of tasks.
const (
	memoryMinMB     = 10
	memoryUnlimited = -1
)

// Names that people choose.
var (
	actionName   = regexp.MustCompile(`^[^\s]{1,128}$`)
	identityName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,128}$`)
	secretName   = regexp.MustCompile(`^[a-zA-Z0-9_]{1,128}$`)
)

func checkTask(p findings, job *nomadlike.Job, g *nomadlike.Group, t *nomadlike.Task) {
	switch {
	case t.Name == "":
		p.addf("Name", "Missing task name")
	case strings.ContainsAny(t.Name, `/\`):
		p.addf("Name", "Task name cannot include slashes")
	case strings.ContainsRune(t.Name, 0):
		p.addf("Name", "Task name cannot include null characters")
	case t.Name == "alloc":
		p.addf("Name", "Task name cannot be %q: it names the directory that tasks share", t.Name)
	}
	if t.Driver == "" {
		p.addf("Driver", "Missing task driver")
	}
	if t.KillTimeout < 0 {
		p.addf("KillTimeout", "KillTimeout must be a positive value")
	}
	if t.ShutdownDelay < 0 {
		p.addf("ShutdownDelay", "ShutdownDelay must be a positive value")
	}
	if u := g.Update; u != nil && job.Type == nomadlike.JobTypeService && u.ProgressDeadline > 0 && t.KillTimeout > u.ProgressDeadline {
		p.addf("KillTimeout", "KillTimeout (%v) longer than the group's ProgressDeadline (%v)", t.KillTimeout, u.ProgressDeadline)
	}
	checkResources(p, t)
	checkLogs(p, g, t)
	for i, c := range t.Constraints {
		at := p.element("Constraints", i, "", "")
		for _, w := range constraintProblems(c, false) {
			at.addf(w.field, "Constraint %d: %s", i+1, w.text)
		}
	}
	if job.Type == nomadlike.JobTypeSystem && len(t.Affinities) > 0 {
		p.addf("Affinities", "System jobs may not have an affinity block")
	} else {
		for i, a := range t.Affinities {
			at := p.element("Affinities", i, "", "")
			for _, w := range affinityProblems(a) {
				at.addf(w.field, "Affinity %d: %s", i+1, w.text)
			}
		}
	}
	checkArtifacts(p, t)
	checkTaskVault(p, t)
	checkTemplates(p, t)
	checkActions(p, t)
	checkTaskScaling(p, t)
	if d := t.DispatchPayload; d != nil {
		if d.File == "" {
			p.addf("DispatchPayload", "dispatch payload needs a file name")
		} else if escapes("task/local", d.File) {
			p.addf("DispatchPayload/File", "dispatch payload path escapes the allocation directory: %q", d.File)
		}
	}
	if l := t.Lifecycle; l != nil {
		p.oneOf("Lifecycle/Hook", l.Hook, hooks(), "invalid lifecycle hook")
	}
	checkMounts(p, g, t)
	checkCSIPlugin(p, t.CSIPluginConfig)
	checkIdentities(p, t)
	checkSecrets(p, t)
}

// hooks are when tasks run that are not the main ones of their group.
func hooks() []string { return []string{"prestart", "poststart", "poststop"} }

// escapes tells whether a path below that directory of the allocation leaves
// the allocation.
func escapes(base, name string) bool {
	clean := path.Join(base, name)
	return clean == ".." || strings.HasPrefix(clean, "../")
}

func checkResources(p findings, t *nomadlike.Task) {
	r := t.Resources
	if r == nil {
		p.addf("Resources", "Missing task resources")
		return
	}
	switch {
	case r.Cores < 0:
		p.addf("Resources/Cores", "cores must not be negative; got %d", r.Cores)
	case r.Cores > 0 && (r.CPU > 0 || r.CPUMillis != 0):
		p.addf("Resources/Cores", "Task can only ask for 'cpu' or 'cores' resource, not both.")
	case r.CPUMillis < 0:
		p.addf("Resources/CPU", "minimum CPUMillis value is 1; got %d", r.CPUMillis)
	case r.CPUMillis > 0 && r.CPU > 0:
		p.addf("Resources/CPU", "Task can only ask for CPU in MHz or in thousandths of a core, not both; got %d MHz and %dm", r.CPU, r.CPUMillis)
	case r.Cores == 0 && r.CPUMillis == 0 && r.CPU < 1:
		p.addf("Resources/CPU", "minimum CPU value is 1; got %d", r.CPU)
	}
	if r.MemoryMB < memoryMinMB {
		p.addf("Resources/MemoryMB", "minimum MemoryMB value is %d; got %d", memoryMinMB, r.MemoryMB)
	}
	if r.MemoryMaxMB != 0 && r.MemoryMaxMB != memoryUnlimited && r.MemoryMaxMB < r.MemoryMB {
		p.addf("Resources/MemoryMaxMB", "MemoryMaxMB value (%d) should be larger than MemoryMB value (%d)", r.MemoryMaxMB, r.MemoryMB)
	}
	if r.SecretsMB < 0 || int64(r.SecretsMB) > r.MemoryMB {
		p.addf("Resources/SecretsMB", "SecretsMB value (%d) must be between 0 and MemoryMB value (%d)", r.SecretsMB, r.MemoryMB)
	}
	if r.DiskMB > 0 {
		p.addf("Resources/DiskMB", "Task can't ask for disk resources, they have to be specified at the task group level.")
	}
	for i, d := range r.Devices {
		checkDevice(p.element("Resources/Devices", i, "device", d.Name), i+1, d)
	}
	checkNUMA(p, r)
}

func checkDevice(p findings, n int, d *nomadlike.RequestedDevice) {
	if d.Name == "" {
		p.addf("Name", "device %d must be given as one of the following: type, vendor/type, or vendor/type/name", n)
	}
	if d.Count == 0 {
		p.addf("Count", "device %d count must be greater than zero", n)
	}
	for i, c := range d.Constraints {
		at := p.element("Constraints", i, "", "")
		if expr.ParseTarget(c.LTarget).OfAllocs() {
			at.addf("LTarget", "device %q constraint %d: %s does not concern a device", d.Name, i+1, c.LTarget)
			continue
		}
		for _, w := range constraintProblems(c, false) {
			at.addf(w.field, "device %q constraint %d: %s", d.Name, i+1, w.text)
		}
	}
	for i, a := range d.Affinities {
		at := p.element("Affinities", i, "", "")
		if expr.ParseTarget(a.LTarget).OfAllocs() {
			at.addf("LTarget", "device %q affinity %d: %s does not concern a device", d.Name, i+1, a.LTarget)
			continue
		}
		for _, w := range affinityProblems(a) {
			at.addf(w.field, "device %q affinity %d: %s", d.Name, i+1, w.text)
		}
	}
}

func checkNUMA(p findings, r *nomadlike.Resources) {
	if r.NUMA == nil {
		return
	}
	p.oneOf("Resources/NUMA/Affinity", r.NUMA.Affinity, []string{"", "none", "prefer", "require"}, "invalid numa affinity")
	for i, name := range r.NUMA.Devices {
		if !slices.ContainsFunc(r.Devices, func(d *nomadlike.RequestedDevice) bool { return d.Name == name }) {
			p.addf("Resources/NUMA/Devices/"+strconv.Itoa(i), "numa device %q not requested as task resource", name)
		}
	}
}

func checkLogs(p findings, g *nomadlike.Group, t *nomadlike.Task) {
	l := t.LogConfig
	if l == nil {
		p.addf("LogConfig", "Missing Log Config")
		return
	}
	if l.MaxFiles < 1 {
		p.addf("LogConfig/MaxFiles", "minimum number of files is 1; got %d", l.MaxFiles)
	}
	if l.MaxFileSizeMB < 1 {
		p.addf("LogConfig/MaxFileSizeMB", "minimum file size is 1MB; got %d", l.MaxFileSizeMB)
	}
	if g.EphemeralDisk != nil && int64(l.MaxFiles)*int64(l.MaxFileSizeMB) >= int64(g.EphemeralDisk.SizeMB) {
		p.addf("LogConfig", "log storage (%d MB) must be less than requested disk capacity (%d MB)", l.MaxFiles*l.MaxFileSizeMB, g.EphemeralDisk.SizeMB)
	}
}

// digestLength is the length of a checksum in hex by its kind; 0 for unknown
// kinds.
func digestLength(kind string) int {
	switch kind {
	case "md5":
		return 32
	case "sha1":
		return 40
	case "sha256":
		return 64
	case "sha512":
		return 128
	}
	return 0
}

func checkArtifacts(p findings, t *nomadlike.Task) {
	for i, a := range t.Artifacts {
		inner := p.element("Artifacts", i, "", "").apart()
		if a.GetterSource == "" {
			inner.addf("GetterSource", "source must be specified")
		}
		inner.oneOf("GetterMode", a.GetterMode, []string{"", "any", "file", "dir"}, "invalid artifact mode")
		if escapes("task", a.RelativeDest) {
			inner.addf("RelativeDest", "destination escapes allocation directory: %q", a.RelativeDest)
		}
		if sum, ok := a.GetterOptions["checksum"]; ok && !strings.Contains(sum, "${") {
			checkChecksum(inner, sum)
		}
		p.fold("Artifact "+strconv.Itoa(i+1), inner)
	}
}

var hexDigits = regexp.MustCompile(`^[0-9a-fA-F]*$`)

func checkChecksum(p findings, sum string) {
	kind, digest, ok := strings.Cut(strings.TrimSpace(sum), ":")
	want := digestLength(kind)
	switch {
	case !ok:
		p.addf("GetterOptions/checksum", "checksum must be given as type:value; got %q", sum)
	case want == 0:
		p.oneOf("GetterOptions/checksum", kind, []string{"md5", "sha1", "sha256", "sha512"}, "unsupported checksum type")
	case !hexDigits.MatchString(digest) || len(digest) != want:
		p.addf("GetterOptions/checksum", "invalid %s checksum: %s", kind, sum)
	}
}

func checkTaskVault(p findings, t *nomadlike.Task) {
	v := t.Vault
	if v == nil {
		return
	}
	switch v.ChangeMode {
	case "signal":
		if v.ChangeSignal == "" {
			p.addf("Vault/ChangeSignal", "Signal must be specified when using change mode signal")
		}
	case "noop", "restart":
	default:
		p.oneOf("Vault/ChangeMode", v.ChangeMode, []string{"noop", "restart", "signal"}, "Unknown change mode")
	}
}

func checkActions(p findings, t *nomadlike.Task) {
	seen := map[string]bool{}
	for i, a := range t.Actions {
		p := p.element("Actions", i, "action", a.Name)
		if seen[a.Name] {
			p.addf("Name", "Action %q redefined; action names must be unique within a task", a.Name)
		}
		seen[a.Name] = true
		if !actionName.MatchString(a.Name) {
			p.addf("Name", "Action name %q must be 1 to 128 characters without spaces", a.Name)
		}
		if a.Command == "" {
			p.addf("Command", "Action %q needs a command", a.Name)
		}
	}
}

func checkTaskScaling(p findings, t *nomadlike.Task) {
	for i, s := range t.ScalingPolicies {
		p := p.element("ScalingPolicies", i, "", "")
		if s.Type != "vertical_cpu" && s.Type != "vertical_mem" {
			p.addf("Type", "Scaling policy type %q is not possible for a task; use vertical_cpu or vertical_mem", s.Type)
		}
		if s.Min < 0 || s.Max < s.Min {
			p.addf("Max", "Scaling policy invalid: need 0 <= minimum <= maximum, got %d and %d", s.Min, s.Max)
		}
	}
}

func checkCSIPlugin(p findings, c *nomadlike.TaskCSIPluginConfig) {
	if c == nil {
		return
	}
	if c.ID == "" {
		p.addf("CSIPluginConfig/ID", "CSIPluginConfig must have a non-empty PluginID")
	}
	p.oneOf("CSIPluginConfig/Type", c.Type, []string{"node", "controller", "monolith"}, "invalid CSIPluginConfig PluginType")
	mount, stage := path.Clean("/"+c.MountDir), path.Clean("/"+c.StagePublishBaseDir)
	if stage == mount || strings.HasPrefix(stage, strings.TrimSuffix(mount, "/")+"/") {
		p.addf("CSIPluginConfig/StagePublishBaseDir", "CSIPluginConfig StagePublishBaseDir must not be a subdirectory of MountDir, got: StagePublishBaseDir=%q MountDir=%q", c.StagePublishBaseDir, c.MountDir)
	}
}

func checkIdentities(p findings, t *nomadlike.Task) {
	seen := map[string]bool{"default": t.Identity != nil}
	if t.Identity != nil {
		checkIdentity(p.below("Identity"), t.Identity)
		if t.Identity.TTL > 0 {
			p.addf("Identity/TTL", "ttl for default identity not yet supported")
		}
	}
	for i, id := range t.Identities {
		p := p.element("Identities", i, "", "")
		name := id.Name
		setDefault(&name, "default")
		if seen[name] {
			p.addf("Name", "Identity %q is defined more than once", name)
		}
		seen[name] = true
		checkIdentity(p, id)
	}
}

func checkIdentity(p findings, id *nomadlike.WorkloadIdentity) {
	if id.Name != "" && !identityName.MatchString(id.Name) {
		p.addf("Name", "invalid identity name %q: must match %s", id.Name, identityName)
	}
	if i := slices.Index(id.Audience, ""); i >= 0 {
		p.addf("Audience/"+strconv.Itoa(i), "identity %q: an empty string is an invalid audience", id.Name)
	}
	switch id.ChangeMode {
	case "", "noop", "restart":
		if id.ChangeSignal != "" {
			p.addf("ChangeSignal", "identity %q: can only use change_signal=%q with change_mode=\"signal\"", id.Name, id.ChangeSignal)
		}
	case "signal":
		if id.ChangeSignal == "" {
			p.addf("ChangeSignal", "identity %q: change_signal must be specified when using change_mode=\"signal\"", id.Name)
		}
	default:
		p.oneOf("ChangeMode", id.ChangeMode, []string{"noop", "restart", "signal"}, "identity %q: invalid change_mode", id.Name)
	}
	if id.Filepath != "" && !id.File {
		p.addf("Filepath", "identity %q: filepath needs file = true", id.Name)
	}
	if id.Filepath != "" && escapes("task", id.Filepath) {
		p.addf("Filepath", "identity %q: filepath escapes the allocation directory: %q", id.Name, id.Filepath)
	}
	if id.TTL < 0 {
		p.addf("TTL", "identity %q: ttl must be >= 0", id.Name)
	}
}

func checkSecrets(p findings, t *nomadlike.Task) {
	seen := map[string]bool{}
	for i, s := range t.Secrets {
		p := p.element("Secrets", i, "secret", s.Name)
		if seen[s.Name] {
			p.addf("Name", "Secret %q is defined more than once", s.Name)
		}
		seen[s.Name] = true
		if !secretName.MatchString(s.Name) {
			p.addf("Name", "secret name %q must be 1 to 128 letters, digits or underscores", s.Name)
		}
		if s.Provider == "" {
			p.addf("Provider", "secret %q: provider cannot be empty", s.Name)
		}
		if s.Path == "" {
			p.addf("Path", "secret %q: path cannot be empty", s.Name)
		}
		builtIn := s.Provider == "nomad" || s.Provider == "vault"
		if len(s.Config) > 0 && !builtIn {
			p.addf("Config", "secret %q: config is only for the nomad and vault providers", s.Name)
		}
		if len(s.Env) > 0 && builtIn {
			p.addf("Env", "secret %q: env is only for provider plugins", s.Name)
		}
		if s.Provider == "vault" && t.Vault == nil {
			p.addf("Provider", "secret %q: the vault provider needs a vault block", s.Name)
		}
	}
}
