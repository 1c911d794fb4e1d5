// Package dir makes and removes the directories of an allocation and its tasks.
// The runner calls it first of all preparation steps. It never looks into what
// tasks wrote.
package dir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Names inside an allocation's directory. They are part of the contract with
// tasks and drivers.
const (
	sharedName  = "alloc"
	dataName    = "data"
	logsName    = "logs"
	tmpName     = "tmp"
	localName   = "local"
	SecretsName = "secrets"
	PrivateName = "private"
)

const (
	// nobody is the user and group that own what all tasks may write.
	nobody = 65534
	// secretsMBDefault is the size of a task's secrets directory.
	secretsMBDefault = 1
)

// Alloc is the directory of an allocation.
type Alloc struct{ Root string }

// Of is where the directory of an allocation is.
func Of(allocDir, allocID string) Alloc { return Alloc{Root: filepath.Join(allocDir, allocID)} }

// Shared is the directory that the tasks share.
func (a Alloc) Shared() string { return filepath.Join(a.Root, sharedName) }

// Data is the part of it that moves to a successor.
func (a Alloc) Data() string { return filepath.Join(a.Root, sharedName, dataName) }

// Logs is where task logs are.
func (a Alloc) Logs() string { return filepath.Join(a.Root, sharedName, logsName) }

// Task is the directory of a task.
func (a Alloc) Task(name string) Task { return Task{Root: filepath.Join(a.Root, name)} }

// Task is the directory of a task.
type Task struct{ Root string }

// Local is the task's own.
func (t Task) Local() string { return filepath.Join(t.Root, localName) }

// Secrets is the task's, not served to anybody.
func (t Task) Secrets() string { return filepath.Join(t.Root, SecretsName) }

// Private is the client's, never seen by anybody else.
func (t Task) Private() string { return filepath.Join(t.Root, PrivateName) }

// Tmp is the task's temporary directory.
func (t Task) Tmp() string { return filepath.Join(t.Root, tmpName) }

// Build makes the allocation's directory. It may be repeated.
func (a Alloc) Build() error {
	if err := os.MkdirAll(a.Root, 0o755); err != nil {
		return fmt.Errorf("making the allocation directory: %w", err)
	}
	for _, d := range []string{a.Shared(), a.Data(), a.Logs(), filepath.Join(a.Shared(), tmpName)} {
		if err := open(d, 0o777); err != nil {
			return fmt.Errorf("making the allocation directory: %w", err)
		}
	}
	return nil
}

// Build makes a task's directory. It may be repeated. Secrets live in memory
// where the agent may mount.
func (t Task) Build(secretsMB int) error {
	for _, d := range []string{t.Root, t.Local(), t.Secrets(), t.Private()} {
		if err := open(d, 0o777); err != nil {
			return fmt.Errorf("making the task directory: %w", err)
		}
	}
	if err := open(t.Tmp(), 0o777|fs.ModeSticky); err != nil {
		return fmt.Errorf("making the task directory: %w", err)
	}
	if err := mountSecret(t.Secrets(), max(secretsMB, secretsMBDefault)); err != nil {
		return fmt.Errorf("making the secrets directory: %w", err)
	}
	if err := mountSecret(t.Private(), secretsMBDefault); err != nil {
		return fmt.Errorf("making the private directory: %w", err)
	}
	return nil
}

// open makes a directory that every task may use, whatever the umask.
func open(path string, mode fs.FileMode) error {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return err
	}
	if err := os.Chmod(path, mode); err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return nil
	}
	return os.Chown(path, nobody, nobody)
}

// Unmount takes the secrets of a task away. It may be repeated.
func (t Task) Unmount() error {
	return errors.Join(unmountSecret(t.Secrets()), unmountSecret(t.Private()))
}

// Remove removes everything. tasks are those whose secrets may be mounted.
func (a Alloc) Remove(tasks []string) error {
	var errs []error
	for _, t := range tasks {
		errs = append(errs, a.Task(t).Unmount())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("removing allocation directory %s: %w", a.Root, err)
	}
	if err := os.RemoveAll(a.Root); err != nil {
		return fmt.Errorf("removing allocation directory: %w", err)
	}
	return nil
}
