package jobspec

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// errFilesOff is the answer of file functions where they are not allowed.
var errFilesOff = errors.New("filesystem function disabled")

// fileFunctions are the functions that know about files and paths.
func fileFunctions(in Input) map[string]function.Function {
	f := files{base: in.BaseDir, allowed: in.AllowFS}
	return map[string]function.Function{
		"abspath":    f.function(cty.String, f.abs, "path"),
		"basename":   f.function(cty.String, f.basename, "path"),
		"dirname":    f.function(cty.String, f.dirname, "path"),
		"pathexpand": f.function(cty.String, f.expandHome, "path"),
		"file":       f.function(cty.String, f.text, "path"),
		"filebase64": f.function(cty.String, f.base64, "path"),
		"fileexists": f.function(cty.Bool, f.exists, "path"),
		"fileset":    f.function(cty.Set(cty.String), f.set, "path", "pattern"),
	}
}

// files reads the file system for expressions.
type files struct {
	base    string
	allowed bool
}

// function makes a function of string arguments.
func (f files) function(result cty.Type, impl func([]string) (cty.Value, error), params ...string) function.Function {
	spec := &function.Spec{
		Type: function.StaticReturnType(result),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if !f.allowed {
				return cty.NilVal, errFilesOff
			}
			texts := make([]string, len(args))
			for i, arg := range args {
				texts[i] = arg.AsString()
			}
			return impl(texts)
		},
	}
	for _, name := range params {
		spec.Params = append(spec.Params, function.Parameter{Name: name, Type: cty.String})
	}
	return function.New(spec)
}

// resolve makes a path absolute or relative to the working directory.
func (f files) resolve(path string) (string, error) {
	path, err := withHome(path)
	if err != nil {
		return "", err
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(f.base, path)
	}
	return filepath.Clean(path), nil
}

// withHome replaces a leading ~ by the home directory.
func withHome(path string) (string, error) {
	if path != "~" && !strings.HasPrefix(path, "~/") {
		return path, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("cannot expand ~: %w", err)
	}
	return filepath.Join(home, path[1:]), nil
}

func (f files) abs(args []string) (cty.Value, error) {
	path, err := filepath.Abs(args[0])
	if err != nil {
		return cty.NilVal, err
	}
	return cty.StringVal(filepath.ToSlash(path)), nil
}

func (f files) basename(args []string) (cty.Value, error) {
	return cty.StringVal(filepath.Base(args[0])), nil
}

func (f files) dirname(args []string) (cty.Value, error) {
	return cty.StringVal(filepath.Dir(args[0])), nil
}

func (f files) expandHome(args []string) (cty.Value, error) {
	path, err := withHome(args[0])
	if err != nil {
		return cty.NilVal, err
	}
	return cty.StringVal(path), nil
}

// read is the content of a file.
func (f files) read(path string) ([]byte, error) {
	full, err := f.resolve(path)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(full)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no file exists at %s", full)
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, fileBytesMax+1))
	if err != nil {
		return nil, err
	}
	if len(content) > fileBytesMax {
		return nil, fmt.Errorf("the file %s is larger than %d MiB", full, fileBytesMax>>20)
	}
	return content, nil
}

func (f files) text(args []string) (cty.Value, error) {
	content, err := f.read(args[0])
	if err != nil {
		return cty.NilVal, err
	}
	if !utf8.Valid(content) {
		return cty.NilVal, fmt.Errorf("the content of %s is not UTF-8 text; use filebase64", args[0])
	}
	return cty.StringVal(string(content)), nil
}

func (f files) base64(args []string) (cty.Value, error) {
	content, err := f.read(args[0])
	if err != nil {
		return cty.NilVal, err
	}
	return cty.StringVal(base64.StdEncoding.EncodeToString(content)), nil
}

func (f files) exists(args []string) (cty.Value, error) {
	full, err := f.resolve(args[0])
	if err != nil {
		return cty.NilVal, err
	}
	info, err := os.Stat(full)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return cty.False, nil
	case err != nil:
		return cty.NilVal, err
	case !info.Mode().IsRegular():
		return cty.NilVal, fmt.Errorf("%s is not a regular file", full)
	}
	return cty.True, nil
}

// set lists the regular files below a directory whose name fits a pattern.
func (f files) set(args []string) (cty.Value, error) {
	dir, err := f.resolve(args[0])
	if err != nil {
		return cty.NilVal, err
	}
	var names []string
	err = doublestar.GlobWalk(os.DirFS(dir), filepath.ToSlash(args[1]), func(path string, _ fs.DirEntry) error {
		info, err := os.Stat(filepath.Join(dir, path))
		if err != nil || !info.Mode().IsRegular() {
			return nil // a name that vanished, or no file
		}
		if names = append(names, path); len(names) > filesMax {
			return fmt.Errorf("more than %d files fit %q", filesMax, args[1])
		}
		return nil
	})
	if err != nil {
		return cty.NilVal, fmt.Errorf("cannot list %s: %w", dir, err)
	}
	if len(names) == 0 {
		return cty.SetValEmpty(cty.String), nil
	}
	sort.Strings(names)
	values := make([]cty.Value, len(names))
	for i, name := range names {
		values[i] = cty.StringVal(name)
	}
	return cty.SetVal(values), nil
}
