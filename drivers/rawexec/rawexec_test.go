//go:build linux

package rawexec

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nomadlike/nomadlike/drivers/internal/hostproc"
	"github.com/nomadlike/nomadlike/plugins/driver"
)

func TestParseRanges(t *testing.T) {
	got, err := parseRanges("denied_host_uids", "0, 100-200,7")
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[int]bool{0: true, 1: false, 7: true, 99: false, 100: true, 150: true, 200: true, 201: false, -1: false} {
		if denied(id, got) != want {
			t.Errorf("%d is denied: %v", id, !want)
		}
	}
	for _, bad := range []string{"x", "5-1", "1-", "-1", "1-2-3", "99999999999"} {
		if _, err := parseRanges("denied_host_uids", bad); err == nil || !strings.Contains(err.Error(), "denied_host_uids") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if got, err := parseRanges("x", ""); err != nil || len(got) != 0 {
		t.Errorf("nothing reads as %v, %v", got, err)
	}
}

func TestCheckUser(t *testing.T) {
	u := &hostproc.User{UID: 5, GID: 6, Groups: []int{6, 70}}
	for name, c := range map[string]struct {
		uids, gids []idRange
		ok         bool
	}{
		"free":           {nil, nil, true},
		"user":           {[]idRange{{5, 5}}, nil, false},
		"first group":    {nil, []idRange{{6, 6}}, false},
		"further group":  {nil, []idRange{{60, 80}}, false},
		"others refused": {[]idRange{{6, 9}}, []idRange{{1, 5}}, true},
	} {
		if err := checkUser(u, c.uids, c.gids); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFilterEnv(t *testing.T) {
	env := map[string]string{"AWS_KEY": "1", "AWS": "2", "HOME": "3", "TOKEN": "4"}
	want := map[string]string{"AWS": "2", "HOME": "3"}
	if diff := cmp.Diff(want, filterEnv(env, []string{"AWS_*", "TOKEN", "[bad"})); diff != "" {
		t.Error(diff)
	}
	if len(env) != 4 {
		t.Error("the given environment was changed")
	}
}

func TestFindCommand(t *testing.T) {
	alloc := t.TempDir()
	c := &driver.TaskConfig{Name: "t", AllocDir: alloc}
	for _, f := range []string{"t/local/both", "t/both", "t/root", "t/local/sub/deep"} {
		path := filepath.Join(alloc, f)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for command, want := range map[string]string{
		"both": alloc + "/t/local/both", "root": alloc + "/t/root", "sub/deep": alloc + "/t/local/sub/deep",
		"local/sub/deep": alloc + "/t/local/sub/deep", "/bin/sh": "/bin/sh",
	} {
		got, err := findCommand(c, command)
		if err != nil || got != want {
			t.Errorf("%s is found at %s, %v", command, got, err)
			continue
		}
		if st, err := os.Stat(got); err != nil || st.Mode()&0o555 != 0o555 {
			t.Errorf("%s is not executable: %v", got, err)
		}
	}
	if got, err := findCommand(c, "sh"); err != nil || !filepath.IsAbs(got) {
		t.Errorf("sh is found at %s, %v", got, err)
	}
	for _, missing := range []string{"no-such-command", "/no/such/command"} {
		if got, err := findCommand(c, missing); err == nil {
			t.Errorf("%s is found at %s", missing, got)
		}
	}
}
