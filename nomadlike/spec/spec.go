// Package spec is the job specification as a document: the JSON form of a job
// in which null means "not said". The job specification parser and the HTTP
// API produce documents; Canonicalize fills in what was not said, outside-in,
// the job's type first; Decode turns a canonical document into the Job that
// the log and the state hold. It never reads a clock, a file or state.
package spec

// Document is a job in the field names of the HTTP API. Values are nil (not
// said), bool, int64, float64, string, []any and map[string]any; durations are
// int64 nanoseconds.
type Document map[string]any

// object is any shape inside a document.
type object = map[string]any
