// Package fs serves the files and logs of allocations: lists, single files,
// followed files, and logs across rotation. The client's handlers call it. It
// never leaves an allocation's directory, whatever links tasks made in it, and
// never opens what is secret.
package fs

import (
	"errors"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nomadlike/nomadlike/client/step/dir"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

const (
	// frameBytesMax bounds the data of one frame.
	frameBytesMax = 64 << 10
	// sniffBytes is how much of a file tells its content type.
	sniffBytes = 512
)

// Tree is the directory of an allocation.
type Tree struct{ root *os.Root }

// Open opens the directory of an allocation. The caller closes it.
func Open(d dir.Alloc) (*Tree, error) {
	root, err := os.OpenRoot(d.Root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nl.Errorf(nl.CodeNotFound, "Unknown allocation %q", filepath.Base(d.Root))
	}
	if err != nil {
		return nil, err
	}
	return &Tree{root: root}, nil
}

// Close closes the directory.
func (t *Tree) Close() { t.root.Close() }

// clean turns a request's path into one below the root.
func clean(p string) string {
	p = strings.TrimPrefix(path.Clean("/"+filepath.ToSlash(p)), "/")
	if p == "" {
		return "."
	}
	return p
}

// readable refuses what is inside secrets and private directories of tasks.
func readable(p string) error {
	parts := strings.Split(p, "/")
	if len(parts) < 3 {
		return nil
	}
	switch parts[1] {
	case dir.SecretsName:
		return nl.Errorf(nl.CodeDenied, "Reading secret file prohibited: %s", p)
	case dir.PrivateName:
		return nl.Errorf(nl.CodeDenied, "Reading private file prohibited: %s", p)
	}
	return nil
}

// wording gives errors of the file system the text and code of the API.
func wording(err error, p string) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nl.Errorf(nl.CodeNotFound, "stat %s: no such file or directory", p)
	case err != nil && strings.Contains(err.Error(), "escapes"):
		return nl.Errorf(nl.CodeInvalid, "Path escapes the alloc directory")
	}
	return err
}

// List lists a directory by name.
func (t *Tree) List(p string) ([]*nl.AllocFileInfo, error) {
	p = clean(p)
	f, err := t.root.Open(p)
	if err != nil {
		return nil, wording(err, p)
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	out := []*nl.AllocFileInfo{}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			continue // it was removed meanwhile
		}
		out = append(out, describe(info))
	}
	return out, nil
}

func describe(info fs.FileInfo) *nl.AllocFileInfo {
	return &nl.AllocFileInfo{
		Name: info.Name(), IsDir: info.IsDir(), Size: info.Size(),
		FileMode: info.Mode().String(), ModTime: nl.Time{Time: info.ModTime()},
	}
}

// Stat describes a file, with its content type.
func (t *Tree) Stat(p string) (*nl.AllocFileInfo, error) {
	p = clean(p)
	info, err := t.root.Stat(p)
	if err != nil {
		return nil, wording(err, p)
	}
	out := describe(info)
	if p == "." {
		out.Name = "/"
	}
	if info.Mode().IsRegular() && readable(p) == nil {
		out.ContentType = t.contentType(p)
	}
	return out, nil
}

func (t *Tree) contentType(p string) string {
	if byName := mime.TypeByExtension(path.Ext(p)); byName != "" {
		return byName
	}
	f, err := t.root.Open(p)
	if err != nil {
		return ""
	}
	defer f.Close()
	buf := make([]byte, sniffBytes)
	n, _ := io.ReadFull(f, buf)
	return http.DetectContentType(buf[:n])
}

// openFile opens a file that may be read.
func (t *Tree) openFile(p string) (*os.File, error) {
	if err := readable(p); err != nil {
		return nil, err
	}
	info, err := t.root.Stat(p)
	if err != nil {
		return nil, wording(err, p)
	}
	if info.IsDir() {
		return nil, nl.Errorf(nl.CodeInvalid, "file %q is a directory", p)
	}
	if !info.Mode().IsRegular() {
		return nil, nl.Errorf(nl.CodeInvalid, "file %q is not a regular file", p)
	}
	f, err := t.root.Open(p)
	if err != nil {
		return nil, wording(err, p)
	}
	// A link may lead from elsewhere into a secrets directory.
	if err := t.notSecret(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Read passes a file, or limit bytes from offset, to send; 0 is no limit.
func (t *Tree) Read(p string, offset, limit int64, send func([]byte) error) error {
	p = clean(p)
	f, err := t.openFile(p)
	if err != nil {
		return err
	}
	defer f.Close()
	if offset < 0 {
		return nl.Errorf(nl.CodeInvalid, "offset %d is negative", offset)
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return err
	}
	var r io.Reader = f
	if limit > 0 {
		r = io.LimitReader(f, limit)
	}
	buf := make([]byte, frameBytesMax)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			if err := send(buf[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
