//go:build linux

package hostproc

import (
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
)

// User is who a task runs as.
type User struct {
	Name   string
	Home   string
	UID    int
	GID    int
	Groups []int
	// Switch is set when that is someone else than the plugin.
	Switch bool
}

// LookupUser finds a user by name or number; empty means the plugin's own.
func LookupUser(name string) (*User, error) {
	var u *user.User
	var err error
	if name == "" {
		u, err = user.Current()
	} else if u, err = user.Lookup(name); err != nil {
		if _, numeric := strconv.Atoi(name); numeric == nil {
			u, err = user.LookupId(name)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("user %q is unknown on this node: %w", name, err)
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	if err1 != nil || err2 != nil {
		return nil, fmt.Errorf("user %q has no numeric IDs", name)
	}
	out := &User{Name: u.Username, Home: u.HomeDir, UID: uid, GID: gid, Switch: name != "" && uid != os.Getuid()}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("groups of user %q cannot be read: %w", name, err)
	}
	for _, id := range ids {
		if n, err := strconv.Atoi(id); err == nil {
			out.Groups = append(out.Groups, n)
		}
	}
	if !slices.Contains(out.Groups, gid) {
		out.Groups = append(out.Groups, gid)
	}
	return out, nil
}

// AddUserEnv tells the task who it is, unless the job did.
func AddUserEnv(env map[string]string, u *User) {
	for k, v := range map[string]string{"USER": u.Name, "LOGNAME": u.Name, "HOME": u.Home} {
		if _, set := env[k]; !set {
			env[k] = v
		}
	}
}
