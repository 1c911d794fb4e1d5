// Package payload writes the payload of a dispatched job where the task asked
// for it. The task shell runs it once, before the task's first start.
package payload

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/golang/snappy"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Do writes the payload of job below local, the task's own directory.
func Do(job *nl.Job, t *nl.Task, local string) error {
	if t.DispatchPayload == nil || t.DispatchPayload.File == "" || len(job.Payload) == 0 {
		return nil
	}
	data := job.Payload
	if plain, err := snappy.Decode(nil, data); err == nil {
		data = plain
	}
	root, err := os.OpenRoot(local)
	if err != nil {
		return fmt.Errorf("writing the dispatch payload: %w", err)
	}
	defer root.Close()
	name := filepath.Clean(t.DispatchPayload.File)
	if parent := filepath.Dir(name); parent != "." {
		if err := root.MkdirAll(parent, 0o777); err != nil {
			return fmt.Errorf("writing the dispatch payload: %w", err)
		}
	}
	f, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o666)
	if err != nil {
		return fmt.Errorf("writing the dispatch payload: %w", err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("writing the dispatch payload: %w", err)
	}
	return nil
}
