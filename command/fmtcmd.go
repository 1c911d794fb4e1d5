package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/jobspec"
)

// fmtOptions are the flags of fmt.
type fmtOptions struct {
	check, list, write, recursive bool
}

func fmtVerb(*meta.Meta) *meta.Verb {
	var o fmtOptions
	return &meta.Verb{
		Name: "fmt", Args: "[<path>...]", MaxArgs: meta.AnyArgs, Local: true,
		Summary: "Lay job files and configuration files out in the usual way",
		Text:    "Rewrites .nomad and .hcl files in the canonical layout. Paths may be files or directories; - is standard input, which is written to standard output. Without a path, the working directory is meant.",
		Examples: []meta.Example{
			{Text: "Format all files below this directory", Line: "nomadlike fmt -recursive"},
			{Text: "Fail when a file is not formatted", Line: "nomadlike fmt -check web.nomad.hcl"},
		},
		Flags: func(f *meta.Flags) {
			f.Bool(&o.check, "check", false, "Write nothing, and exit with 1 if a file is not formatted.")
			f.Bool(&o.list, "list", true, "List the files that are not formatted.")
			f.Bool(&o.write, "write", true, "Write the files back; otherwise they are printed.")
			f.Bool(&o.recursive, "recursive", false, "Go into directories below the given ones.")
		},
		Predict: meta.PredictFiles("*"),
		Do:      o.run,
	}
}

func (o *fmtOptions) run(_ context.Context, c *meta.Call) error {
	paths := c.Args
	if len(paths) == 0 {
		paths = []string{"."}
	}
	dirty, failed := false, false
	for _, path := range paths {
		changed, err := o.path(c, path)
		dirty = dirty || changed
		if err != nil {
			failed = true
			c.Error(err.Error())
		}
	}
	if failed || o.check && dirty {
		return meta.Exit(1)
	}
	return nil
}

func (o *fmtOptions) path(c *meta.Call, path string) (changed bool, err error) {
	if path == "-" {
		src, err := io.ReadAll(c.In)
		if err != nil {
			return false, err
		}
		return o.stdin(c, src)
	}
	info, err := os.Stat(path)
	if err != nil {
		return false, err
	}
	if !info.IsDir() {
		return o.file(c, path)
	}
	err = filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != path && (!o.recursive || strings.HasPrefix(d.Name(), ".")):
			return filepath.SkipDir
		case d.IsDir() || !formattable(name):
			return nil
		}
		one, err := o.file(c, name)
		changed = changed || one
		return err
	})
	return changed, err
}

func formattable(name string) bool {
	return strings.HasSuffix(name, ".nomad") || strings.HasSuffix(name, ".hcl")
}

func (o *fmtOptions) stdin(c *meta.Call, src []byte) (bool, error) {
	out, err := jobspec.Format(src)
	if err != nil {
		return false, described("standard input", err)
	}
	if !o.check {
		fmt.Fprint(c.Out, string(out))
	}
	return !bytes.Equal(src, out), nil
}

func (o *fmtOptions) file(c *meta.Call, name string) (bool, error) {
	src, err := os.ReadFile(name)
	if err != nil {
		return false, err
	}
	out, err := jobspec.Format(src)
	if err != nil {
		return false, described(name, err)
	}
	changed := !bytes.Equal(src, out)
	if changed && o.list {
		c.Print(name)
	}
	if o.check {
		return changed, nil
	}
	if !o.write {
		fmt.Fprint(c.Out, string(out))
		return changed, nil
	}
	if !changed {
		return false, nil
	}
	info, err := os.Stat(name)
	if err != nil {
		return true, err
	}
	return true, os.WriteFile(name, out, info.Mode().Perm())
}

// described tells each problem of a file with its place.
func described(name string, err error) error {
	problems, ok := err.(*jobspec.Diagnostics)
	if !ok {
		return fmt.Errorf("%s: %w", name, err)
	}
	var lines []string
	for _, p := range problems.All() {
		lines = append(lines, fmt.Sprintf("%s:%d,%d: %s: %s", name, p.Line, p.Column, p.Summary, p.Detail))
	}
	return errors.New(strings.Join(lines, "\n"))
}
