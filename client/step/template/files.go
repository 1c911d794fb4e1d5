package template

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/hashicorp/consul-template/renderer"
)

// fileBytesMax bounds what a template reads: more is no configuration.
const fileBytesMax = 64 << 20

// files reads and writes below the allocation's directory.
type files struct {
	base string
	root *os.Root
	free bool // no sandbox
}

func openFiles(base string, free bool) (*files, error) {
	root, err := os.OpenRoot(base)
	if err != nil {
		return nil, fmt.Errorf("opening the allocation directory for templates: %w", err)
	}
	return &files{base: base, root: root, free: free}, nil
}

func (f *files) close() { f.root.Close() }

var errOutside = errors.New("path escapes the allocation directory")

func (f *files) inside(path string) error {
	_, err := f.rel(path)
	if f.free {
		return nil
	}
	return err
}

func (f *files) rel(path string) (string, error) {
	rel, err := filepath.Rel(f.base, path)
	if err != nil || rel == ".." || strings.HasPrefix(rel, "../") {
		return "", errOutside
	}
	return rel, nil
}

func (f *files) read(path string) ([]byte, error) {
	rel, err := f.rel(path)
	if err != nil {
		if f.free {
			return os.ReadFile(path)
		}
		return nil, err
	}
	file, err := f.root.Open(rel)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", rel)
	}
	raw, err := io.ReadAll(io.LimitReader(file, fileBytesMax+1))
	if err == nil && len(raw) > fileBytesMax {
		err = fmt.Errorf("%s is larger than %d bytes", rel, fileBytesMax)
	}
	return raw, err
}

// render writes what consul-template made of a template.
func (f *files) render(in *renderer.RenderInput) (*renderer.RenderResult, error) {
	rel, err := f.rel(in.Path)
	if err != nil {
		if f.free {
			return renderer.Render(in)
		}
		return nil, err
	}
	old, err := f.read(in.Path)
	if err == nil && bytes.Equal(old, in.Contents) {
		return &renderer.RenderResult{WouldRender: true, Contents: old}, nil
	}
	if err := f.replace(rel, in); err != nil {
		return nil, fmt.Errorf("writing template %s: %w", rel, err)
	}
	return &renderer.RenderResult{DidRender: true, WouldRender: true, Contents: in.Contents}, nil
}

// replace writes a file at once or not at all.
func (f *files) replace(rel string, in *renderer.RenderInput) error {
	if parent := filepath.Dir(rel); parent != "." {
		if err := f.root.MkdirAll(parent, 0o777); err != nil {
			return err
		}
	}
	uid, gid, err := owner(in.User, in.Group)
	if err != nil {
		return err
	}
	tmp := rel + ".rendering"
	if err := f.root.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	perms := in.Perms
	if perms == 0 {
		perms = renderer.DefaultFilePerms
	}
	file, err := f.root.OpenFile(tmp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(in.Contents)
	if err == nil && (uid >= 0 || gid >= 0) {
		err = file.Chown(uid, gid)
	}
	if err == nil {
		err = file.Chmod(perms)
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return f.root.Rename(tmp, rel)
}

func owner(user, group string) (uid, gid int, err error) {
	uid, gid = -1, -1
	if user != "" {
		if uid, err = strconv.Atoi(user); err != nil {
			return 0, 0, fmt.Errorf("owner %q is no number", user)
		}
	}
	if group != "" {
		if gid, err = strconv.Atoi(group); err != nil {
			return 0, 0, fmt.Errorf("group %q is no number", group)
		}
	}
	return uid, gid, nil
}

// functions replace those of the library that would see the agent instead of
// the task.
func (u *run) functions() map[string]any {
	lookup := func(name string) string {
		v, _ := u.req.Env().Get(name)
		return v
	}
	return map[string]any{
		"env": func(name string) (string, error) { return lookup(name), nil },
		"mustEnv": func(name string) (string, error) {
			if v := lookup(name); v != "" {
				return v, nil
			}
			return "", fmt.Errorf("variable %s is not set", name)
		},
		"envOrDefault": func(name, other string) (string, error) {
			if v, ok := u.req.Env().Get(name); ok && v != "" {
				return v, nil
			}
			return other, nil
		},
		"file": func(path string) (string, error) {
			raw, err := u.files.read(u.resolve(path))
			return string(raw), err
		},
	}
}

// ParseEnv reads NAME=value lines. Values may be quoted; empty lines and those
// that begin with # are skipped.
func ParseEnv(text string) (map[string]string, error) {
	out := map[string]string{}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		line = strings.TrimSpace(strings.TrimPrefix(line, "export "))
		name, value, ok := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		if !ok || name == "" || strings.ContainsAny(name, " \t\"'") {
			return nil, fmt.Errorf("line %d is not NAME=value", i+1)
		}
		v, err := unquote(strings.TrimSpace(value))
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		out[name] = v
	}
	return out, nil
}

func unquote(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	switch s[0] {
	case '"':
		v, err := strconv.Unquote(s)
		if err != nil {
			return "", errors.New("the quoted value is not complete")
		}
		return v, nil
	case '\'':
		if len(s) < 2 || s[len(s)-1] != '\'' {
			return "", errors.New("the quoted value is not complete")
		}
		return s[1 : len(s)-1], nil
	}
	if i := strings.Index(s, " #"); i >= 0 {
		s = strings.TrimSpace(s[:i])
	}
	return s, nil
}
