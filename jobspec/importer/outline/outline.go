// Package outline is what the importers of job files have in common: a job as
// other systems know one, its notes on what could not be carried over, and one
// renderer that writes it as a readable job file. The readers of the importer
// fill it; the importer renders it. It reads no files and knows no ecosystem.
package outline

import (
	"fmt"
	"regexp"
	"time"
)

// Kinds of jobs.
const (
	Service  = "service"
	Batch    = "batch"
	System   = "system"
	Sysbatch = "sysbatch"
)

// Note is a remark that becomes a comment at its place in the job file.
type Note struct {
	// Lost tells that something of the source is missing in the job; otherwise
	// the note says what to check or to do.
	Lost bool
	Text string
	// Of is the object of the source that the note is about; nil is the one
	// that the noun around it came from.
	Of *Source
}

// Notes collects remarks; everything that can carry a comment embeds it.
type Notes struct {
	List []Note
	// Of is the object of the source that the noun came from; nil is that of
	// the noun around it.
	Of *Source
}

// Source is an object of the source, and what became of it.
type Source struct {
	Kind, Name string
	// Carried counts the fields that were carried over, Approximated and Lost
	// the comments on others.
	Carried, Approximated, Lost int
}

// Lost notes something that could not be carried over.
func (n *Notes) Lost(format string, args ...any) {
	n.List = append(n.List, Note{Lost: true, Text: redact(fmt.Sprintf(format, args...))})
}

// Check notes something that only comes near to the source, or that must be
// looked at or done.
func (n *Notes) Check(format string, args ...any) {
	n.List = append(n.List, Note{Text: redact(fmt.Sprintf(format, args...))})
}

// logins finds passwords in addresses, and what follows a word for a secret.
var (
	logins  = regexp.MustCompile(`(://[^/\s:@]*:)[^\s@]+@`)
	secrets = regexp.MustCompile(`(?i)((?:passw(?:or)?d|passphrase|secret|token|api_?key|access_?key|private_?key|credential)s?=)[^\s,;@.]+`)
)

// redact takes out of a comment what looks like a secret.
func redact(text string) string {
	return secrets.ReplaceAllString(logins.ReplaceAllString(text, "${1}...@"), "${1}...")
}

// Job is one job file.
type Job struct {
	Notes
	Name, Type, Namespace string
	// Sources are the objects that the job came from.
	Sources     []*Source
	Meta        map[string]string
	Periodic    *Periodic
	Constraints []Constraint
	Groups      []*Group
}

// Periodic launches a batch job by the clock.
type Periodic struct {
	Notes
	Crons           []string
	TimeZone        string
	ProhibitOverlap bool
	Disabled        bool
}

// Constraint is a rule on nodes.
type Constraint struct {
	Notes
	Attribute, Operator, Value string
	// Weight other than zero makes it an affinity, or weighs a spread.
	Weight int
	// Spread makes it a spread over the attribute.
	Spread bool
}

// Group is a set of tasks that are placed together.
type Group struct {
	Notes
	Name          string
	Count         int
	Constraints   []Constraint
	Mode          string // network mode; "" is the driver's own
	Shared        bool   // the tasks reach each other at localhost
	Ports         []*Port
	Restart       *Restart
	Update        *Update
	DiskMB        int
	ShutdownDelay time.Duration
	Scaling       *Scaling
	Volumes       []*Volume
	Services      []*ServiceEntry
	Tasks         []*Task
}

// Scaling is the range of a group's count.
type Scaling struct {
	Notes
	Min, Max int
}

// Port is a port of a group. Static 0 is a port that the scheduler chooses, To
// is the port inside of the container.
type Port struct {
	Notes
	Label      string
	Static, To int
}

// Restart is how often a task is started again on its node.
type Restart struct {
	Notes
	Attempts        int
	Interval, Delay time.Duration
	Mode            string
}

// Update is how a new version of a job replaces the old one.
type Update struct {
	Notes
	MaxParallel, Canary              int
	MinHealthy, Stagger, ProgressEnd time.Duration
	AutoRevert, AutoPromote          bool
}

// Volume is storage that outlives an allocation.
type Volume struct {
	Notes
	Name, Source string
	ReadOnly     bool
	PerAlloc     bool
}

// ServiceEntry is an address of a group in the service catalogue.
type ServiceEntry struct {
	Notes
	Name, Port string
	Tags       []string
	Checks     []*Check
}

// Check is a health check of a service.
type Check struct {
	Notes
	Type              string // http or tcp
	Path, Protocol    string
	Method            string
	Port              string // label; "" is the service's
	Headers           map[string]string
	Interval, Timeout time.Duration
	RestartLimit      int // failures in a row that restart the task; 0 never
	RestartGrace      time.Duration
}

// Task is one container.
type Task struct {
	Notes
	Name         string
	Hook         string // lifecycle hook; "" is a main task
	Sidecar      bool
	Leader       bool
	User         string
	Image        string
	Entrypoint   []string
	Args         []string
	WorkDir      string
	Attrs        []Attr // further attributes of the driver's configuration
	Auth         *Auth
	Labels       map[string]string
	PortLabels   []string
	Mounts       []*Mount
	VolumeMounts []*VolumeMount
	Env          []*Env
	Templates    []*Template
	Artifacts    []*Artifact
	CPU          int // MHz; 0 is the cluster's default
	MemoryMB     int
	MemoryMaxMB  int
	Devices      []Device
	KillTimeout  time.Duration
	KillSignal   string
	// Expr tells that ${...} in Entrypoint and Args is meant for the
	// scheduler; otherwise it is text.
	Expr bool
}

// Attr is an attribute of the driver; Value is a string, int, bool, []string
// or map[string]string.
type Attr struct {
	Notes
	Name  string
	Value any
}

// Auth is a login to a registry, whose password lies in a variable.
type Auth struct {
	Notes
	Username, Server string
}

// Device is hardware that the task needs.
type Device struct {
	Notes
	Name  string
	Count int
}

// Mount shows a directory or file in the container. Type is bind, tmpfs, volume
// or, made by Scratch, one of its own.
type Mount struct {
	Notes
	Type, Source, Target string
	ReadOnly             bool
	SizeMB               int // of a tmpfs; 0 is no limit
	// Expr tells that ${...} in Source is meant for the scheduler.
	Expr bool
}

// VolumeMount shows a volume of the group in the container.
type VolumeMount struct {
	Notes
	Volume, Target string
	ReadOnly       bool
}

// Env is an environment variable: a plain value, or an item of a variable in
// the cluster when Secret is set.
type Env struct {
	Notes
	Name, Value string
	// Expr tells that ${...} in the value is meant for the scheduler.
	Expr bool
	// Secret is the item that holds the value.
	Secret string
	// template is the value as a template expression, set by Link.
	template string
	// hidden is the value that Secret stands for, where the source tells it.
	hidden string
	// password is the item with the password that template asks for.
	password string
}

// Artifact is fetched before the task starts.
type Artifact struct {
	Notes
	Source, Destination string
	// Whole tells that an archive stays one.
	Whole bool
}

// Template is a file that is written before the task starts.
type Template struct {
	Notes
	// Path is where the container sees the file.
	Path string
	// Data is the content; it is text, not a template.
	Data string
	// Secret is the item that holds the content instead.
	Secret string
	Perms  string
}
