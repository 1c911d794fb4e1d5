package query

import (
	"io/fs"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// OnNode addresses a call that a node answers. Servers route it by NodeID or,
// when that is empty, by the node of AllocID.
type OnNode struct {
	nl.QueryOptions
	NodeID  string
	AllocID string
}

// Route is where the call goes.
func (o *OnNode) Route() (nodeID, allocID string) { return o.NodeID, o.AllocID }

// ClientStats asks for a node's own statistics. Method Client.Stats, reply nl.HostStats.
type ClientStats struct{ OnNode }

// ClientGC asks a node to collect all terminal allocations. Method Client.GC, no reply.
type ClientGC struct{ OnNode }

// ClientMetadata reads (Set false) or changes a node's dynamic metadata.
// Method Client.Metadata, reply nl.NodeMetaResponse. A nil value removes a key.
type ClientMetadata struct {
	OnNode
	Set  bool
	Meta map[string]*string
}

// AllocStats asks for the resource usage of an allocation, of one task when
// Task is set. Method Alloc.Stats, reply nl.AllocResourceUsage.
type AllocStats struct {
	OnNode
	Task string
}

// AllocRestart restarts tasks. Method Alloc.Restart, no reply.
type AllocRestart struct {
	OnNode
	Task     string // "": all that run
	AllTasks bool   // also those that have ended
}

// AllocSignal signals a task, or all when Task is "". Method Alloc.Signal, no reply.
type AllocSignal struct {
	OnNode
	Task   string
	Signal string
}

// AllocGC removes one terminal allocation from its node. Method Alloc.GC, no reply.
type AllocGC struct{ OnNode }

// AllocChecks asks for the latest check results. Method Alloc.Checks, reply AllocCheckResults.
type AllocChecks struct{ OnNode }

// AllocCheckResults are by check ID.
type AllocCheckResults struct {
	Results map[string]*nl.CheckQueryResult
}

// AllocExec runs a command in a task. Method Alloc.Exec (stream of ExecInput
// to the node, ExecOutput from it).
type AllocExec struct {
	OnNode
	Task    string
	Tty     bool
	Command []string
	Action  string // name of the job's action to run instead of Command
}

// ExecInput is one message to a running command.
type ExecInput struct {
	Stdin      []byte
	CloseStdin bool
	Height     int // of the terminal, 0 = unchanged
	Width      int
}

// ExecOutput is one message from a running command; the last one is Exited.
type ExecOutput struct {
	Stdout      []byte
	CloseStdout bool
	Stderr      []byte
	CloseStderr bool
	Exited      bool
	ExitCode    int
}

// FSList lists a directory of an allocation. Method FS.List, reply FSFiles.
type FSList struct {
	OnNode
	Path string
}

// FSFiles answers FSList.
type FSFiles struct{ Files []*nl.AllocFileInfo }

// FSStat describes a file. Method FS.Stat, reply nl.AllocFileInfo.
type FSStat struct {
	OnNode
	Path string
}

// FSRead reads a file, or Limit bytes from Offset. Method FS.Read (stream of Chunk).
type FSRead struct {
	OnNode
	Path   string
	Offset int64
	Limit  int64 // 0: to the end
}

// FSStream follows a file. Method FS.Stream (stream of Frame).
type FSStream struct {
	OnNode
	Path   string
	Origin string // start|end
	Offset int64
	Follow bool
}

// FSLogs reads a task's log across its rotated files. Method FS.Logs (stream of Frame).
type FSLogs struct {
	OnNode
	Task   string
	Type   string // stdout|stderr
	Origin string // start|end
	Offset int64
	Follow bool
}

// Chunk is a piece of a byte stream.
type Chunk struct{ Data []byte }

// Frame is a piece of a framed stream; its JSON is that of the HTTP API.
// The zero frame is a heartbeat.
type Frame struct {
	Data      []byte `json:",omitempty"`
	File      string `json:",omitempty"`
	Offset    int64  `json:",omitempty"`
	FileEvent string `json:",omitempty"`
}

// AllocSnapshot streams a tar of an allocation's ephemeral disk. Method
// Alloc.Snapshot (stream of Chunk).
type AllocSnapshot struct{ OnNode }

// AgentMonitor follows an agent's log. Method Agent.Monitor (stream of Frame).
type AgentMonitor struct {
	OnNode
	ServerID string
	Level    string
	JSON     bool
	Location bool
}

// AgentHost asks for facts about an agent's machine. Method Agent.Host, reply nl.HostData.
type AgentHost struct {
	OnNode
	ServerID string
}

// AgentProfile takes a runtime profile. Method Agent.Profile, reply Profile.
type AgentProfile struct {
	OnNode
	ServerID string
	Kind     string // cmdline, profile, trace, or the name of a runtime profile
	Seconds  time.Duration
	Debug    int
	GC       bool
}

// Profile is a profile and the headers it is served with.
type Profile struct {
	Data    []byte
	Headers map[string]string
}

// FileMode renders as the HTTP API does.
func FileMode(m fs.FileMode) string { return m.String() }
