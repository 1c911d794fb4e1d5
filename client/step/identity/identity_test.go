package identity

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

// signer signs everything but what refuse names.
type signer struct {
	refuse string
	asked  []query.IdentityWanted
}

func (s *signer) SignIdentities(_ context.Context, wanted []query.IdentityWanted) ([]query.SignedIdentity, error) {
	if s.refuse == "all" {
		return nil, errors.New("no leader")
	}
	s.asked = append(s.asked, wanted...)
	var out []query.SignedIdentity
	for _, w := range wanted {
		id := query.SignedIdentity{IdentityWanted: w, JWT: "jwt-" + w.Identity}
		if w.Identity == s.refuse {
			id = query.SignedIdentity{IdentityWanted: w, Error: "unknown"}
		}
		out = append(out, id)
	}
	return out, nil
}

func TestDo(t *testing.T) {
	task := &nl.Task{
		Name: "t", Identity: &nl.WorkloadIdentity{Name: "default", File: true},
		Identities: []*nl.WorkloadIdentity{
			{Name: "aws", Env: true, File: true}, {Name: "own", File: true, Filepath: "local/own.jwt"}, {Name: "unused"},
		},
	}
	dir := t.TempDir()
	secrets := filepath.Join(dir, "secrets")
	for _, d := range []string{secrets, filepath.Join(dir, "local")} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s := &signer{}
	got, err := Do(context.Background(), s, "a", task, dir, secrets, false)
	if err != nil {
		t.Fatal(err)
	}
	if got.Default != "jwt-default" || len(got.Env) != 1 || got.Env["aws"] != "jwt-aws" || len(s.asked) != 3 {
		t.Errorf("got %+v after asking for %v", got, s.asked)
	}
	for file, want := range map[string]string{
		"secrets/nomad_token": "jwt-default", "secrets/nomad_aws.jwt": "jwt-aws", "local/own.jwt": "jwt-own",
	} {
		if raw, err := os.ReadFile(filepath.Join(dir, file)); err != nil || string(raw) != want {
			t.Errorf("%s holds %q, %v", file, raw, err)
		}
	}
	for _, refuse := range []string{"all", "aws"} {
		if _, err := Do(context.Background(), &signer{refuse: refuse}, "a", task, dir, secrets, false); err == nil {
			t.Errorf("refusal of %s went unnoticed", refuse)
		}
	}
}

// TestDoNothing asks nobody when nobody needs a token.
func TestDoNothing(t *testing.T) {
	s := &signer{refuse: "all"}
	task := &nl.Task{Name: "t", Identity: &nl.WorkloadIdentity{Name: "default"}}
	if Exposed(task) {
		t.Error("the task sees no token")
	}
	if _, err := Do(context.Background(), s, "a", task, "", "", false); err != nil {
		t.Error(err)
	}
	if _, err := Do(context.Background(), s, "a", task, "", "", true); err == nil || !strings.Contains(err.Error(), "no leader") {
		t.Errorf("error is %v", err)
	}
}

// TestEscape keeps tokens below the task's directory.
func TestEscape(t *testing.T) {
	dir := t.TempDir()
	task := &nl.Task{Name: "t", Identities: []*nl.WorkloadIdentity{{Name: "x", File: true, Filepath: "../x"}}}
	if _, err := Do(context.Background(), &signer{}, "a", task, dir, dir, false); err == nil {
		t.Error("a token was written outside")
	}
}
