package task

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	client "github.com/nomadlike/nomadlike/client/driver"
	"github.com/nomadlike/nomadlike/client/state"
	"github.com/nomadlike/nomadlike/client/step/dir"
	"github.com/nomadlike/nomadlike/client/step/identity"
	"github.com/nomadlike/nomadlike/client/step/service"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/interp"
)

// Drivers gives running drivers.
type Drivers interface {
	Get(ctx context.Context, name string) (*client.Handle, error)
}

// Host is what all tasks of a node share.
type Host struct {
	Now      func() time.Time
	NewID    func() string
	Drivers  Drivers
	DB       *state.DB
	Buffers  *sync.Pool
	Signer   identity.Signer
	Services *service.Registrar
	Fetch    Fetcher
	Render   Renderer
	Cgroups  Cgroups
	Node     func() *nl.Node
	Region   string
	// HostEnv is the agent's environment without what tasks must not see.
	HostEnv map[string]string
	// CgroupParent is told to tasks; "" where there are no control groups.
	CgroupParent string
	// UserDeny names the users that drivers of UserChecked must not run as.
	UserDeny, UserChecked []string
	Logger                hclog.Logger
}

// Fetcher downloads the artifacts of a task.
type Fetcher interface {
	Fetch(ctx context.Context, r FetchRequest) error
}

// FetchRequest is what a Fetcher must know.
type FetchRequest struct {
	Artifact          *nl.Artifact
	TaskDir, AllocDir string
	User              string // of the task
	Replace           func(string) string
}

// Renderer keeps the templates of a task rendered.
type Renderer interface {
	// Render returns when all templates were rendered once. Later changes are
	// passed to r.Change until stop is called.
	Render(ctx context.Context, r RenderRequest) (env map[string]string, stop func(), err error)
}

// RenderRequest is what a Renderer must know.
type RenderRequest struct {
	Task      *nl.Task
	Namespace string
	Dirs      dir.Task
	AllocRoot string
	Env       func() interp.Env
	Token     string // the task's default identity
	// Waiting is told what is still missing.
	Waiting func(message string)
	// Change applies what follows from a change.
	Change func(TemplateChange)
}

// TemplateChange is what follows from templates that were rendered again.
type TemplateChange struct {
	Restart bool
	Signals []string
	Scripts []*nl.ChangeScript
	Env     map[string]string
	Err     error // the templates failed for good
}

// Cgroups makes the control group of a task; "" where there is none to make.
type Cgroups interface {
	Make(allocID, task string, cores []uint64) (path string, err error)
	Remove(allocID, task string) error
}
