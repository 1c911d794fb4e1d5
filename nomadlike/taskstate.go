package nomadlike

import (
	"encoding/json"
	"time"
)

// TaskState (State pending|running|dead.)
type TaskState struct {
	// null if never
	LastRestart Time `cbor:"1,keyasint,omitzero"`
	// null until started
	StartedAt Time `cbor:"2,keyasint,omitzero"`
	// null until dead
	FinishedAt Time `cbor:"3,keyasint,omitzero"`
	// "" or schedule state
	Paused   string       `cbor:"4,keyasint,omitzero"`
	State    string       `cbor:"5,keyasint,omitzero"`
	Failed   bool         `cbor:"6,keyasint,omitzero"`
	Restarts uint64       `cbor:"7,keyasint,omitzero"`
	Events   []*TaskEvent `cbor:"8,keyasint,omitzero"`
}

// TaskEvent is something that happened to a task. State holds several for each
// of millions of allocations, so what few of them say is kept apart.
type TaskEvent struct {
	// behaviour 6.3
	Type string `cbor:"1,keyasint,omitzero"`
	// unix ns
	Time int64 `cbor:"2,keyasint,omitzero"`
	// authoritative key/values
	Details        map[string]string `cbor:"3,keyasint,omitzero"`
	Message        string            `cbor:"7,keyasint,omitzero"`
	DisplayMessage string            `cbor:"8,keyasint,omitzero"`
	FailsTask      bool              `cbor:"9,keyasint,omitzero"`
	// nil when none of it is set; read it by Legacy, change it by SetLegacy
	*TaskEventLegacy
}

// TaskEventLegacy is what Details says as well, in the form of earlier versions
// of the API. In JSON and in the log it is part of the event.
type TaskEventLegacy struct {
	// ns
	KillTimeout time.Duration `cbor:"4,keyasint,omitzero"`
	// ns as int
	StartDelay int64 `cbor:"5,keyasint,omitzero"`
	// bytes
	DiskLimit        int64  `cbor:"6,keyasint,omitzero"`
	RestartReason    string `cbor:"10,keyasint,omitzero"`
	SetupError       string `cbor:"11,keyasint,omitzero"`
	DriverError      string `cbor:"12,keyasint,omitzero"`
	ExitCode         int    `cbor:"13,keyasint,omitzero"`
	Signal           int    `cbor:"14,keyasint,omitzero"`
	KillError        string `cbor:"15,keyasint,omitzero"`
	KillReason       string `cbor:"16,keyasint,omitzero"`
	DownloadError    string `cbor:"17,keyasint,omitzero"`
	ValidationError  string `cbor:"18,keyasint,omitzero"`
	FailedSibling    string `cbor:"19,keyasint,omitzero"`
	VaultError       string `cbor:"20,keyasint,omitzero"`
	TaskSignalReason string `cbor:"21,keyasint,omitzero"`
	TaskSignal       string `cbor:"22,keyasint,omitzero"`
	DriverMessage    string `cbor:"23,keyasint,omitzero"`
	GenericSource    string `cbor:"24,keyasint,omitzero"`
}

// Legacy is the older form, zero when nothing of it is set.
func (e *TaskEvent) Legacy() TaskEventLegacy {
	if e.TaskEventLegacy == nil {
		return TaskEventLegacy{}
	}
	return *e.TaskEventLegacy
}

// SetLegacy is the older form for an event that is being made.
func (e *TaskEvent) SetLegacy() *TaskEventLegacy {
	if e.TaskEventLegacy == nil {
		e.TaskEventLegacy = new(TaskEventLegacy)
	}
	return e.TaskEventLegacy
}

// MarshalJSON shows all fields, as clients expect them.
func (e *TaskEvent) MarshalJSON() ([]byte, error) {
	type plain TaskEvent // without this method
	whole := plain(*e)
	if whole.TaskEventLegacy == nil {
		whole.TaskEventLegacy = noLegacy
	}
	return json.Marshal(&whole)
}

// noLegacy is what events show that have none of it; it is never written to.
var noLegacy = new(TaskEventLegacy)
