// Package identity gets the workload identities of a task from the servers and
// puts them where the task finds them. The task shell runs it before every
// start. Tokens are secrets: nothing here logs them or puts them into errors.
package identity

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

// DefaultName is the name of the identity that every task has.
const DefaultName = "default"

const (
	defaultFile = "nomad_token"
	fileMode    = 0o666
)

// Signer gets tokens from the servers.
type Signer interface {
	SignIdentities(ctx context.Context, wanted []query.IdentityWanted) ([]query.SignedIdentity, error)
}

// Tokens are what a task got.
type Tokens struct {
	Env     map[string]string // those shown in the environment, by identity
	Default string            // for the client's own calls on behalf of the task
}

// Exposed tells whether the task sees any token.
func Exposed(t *nl.Task) bool {
	for _, id := range of(t) {
		if id.Env || id.File {
			return true
		}
	}
	return false
}

// of lists the identities of a task, the default one first.
func of(t *nl.Task) []*nl.WorkloadIdentity {
	var out []*nl.WorkloadIdentity
	if t.Identity != nil {
		out = append(out, t.Identity)
	}
	return append(out, t.Identities...)
}

func nameOf(id *nl.WorkloadIdentity) string {
	if id.Name == "" {
		return DefaultName
	}
	return id.Name
}

// Do signs and places the identities of a task. needDefault asks for the
// default one although the task does not see it. A task that nobody needs a
// token of costs no call.
func Do(ctx context.Context, s Signer, allocID string, t *nl.Task, taskDir, secretsDir string, needDefault bool) (*Tokens, error) {
	var wanted []query.IdentityWanted
	var ids []*nl.WorkloadIdentity
	for _, id := range of(t) {
		if id.Env || id.File || needDefault && nameOf(id) == DefaultName {
			wanted = append(wanted, query.IdentityWanted{AllocID: allocID, Task: t.Name, Identity: nameOf(id)})
			ids = append(ids, id)
		}
	}
	out := &Tokens{Env: map[string]string{}}
	if len(wanted) == 0 {
		return out, nil
	}
	signed, err := s.SignIdentities(ctx, wanted)
	if err != nil {
		return nil, fmt.Errorf("getting workload identities: %w", err)
	}
	if len(signed) != len(wanted) {
		return nil, fmt.Errorf("getting workload identities: asked for %d, got %d", len(wanted), len(signed))
	}
	for i, id := range ids {
		if signed[i].Error != "" {
			return nil, fmt.Errorf("getting workload identity %q: %s", nameOf(id), signed[i].Error)
		}
		if nameOf(id) == DefaultName {
			out.Default = signed[i].JWT
		}
		if id.Env {
			out.Env[nameOf(id)] = signed[i].JWT
		}
		if id.File {
			if err := place(id, taskDir, secretsDir, signed[i].JWT); err != nil {
				return nil, fmt.Errorf("writing workload identity %q: %w", nameOf(id), err)
			}
		}
	}
	return out, nil
}

// place writes a token into the task's secrets, or where the job asks for it
// below the task's directory.
func place(id *nl.WorkloadIdentity, taskDir, secretsDir, token string) error {
	dir, name := secretsDir, defaultFile
	if n := nameOf(id); n != DefaultName {
		name = "nomad_" + n + ".jwt"
	}
	if id.Filepath != "" {
		dir, name = taskDir, filepath.Clean(id.Filepath)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	f, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, fileMode)
	if err != nil {
		return err
	}
	_, err = f.WriteString(token)
	return errors.Join(err, f.Close())
}
