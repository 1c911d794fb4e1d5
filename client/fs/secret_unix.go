//go:build unix

package fs

import (
	"os"
	"path"

	nl "github.com/nomadlike/nomadlike/nomadlike"

	"github.com/nomadlike/nomadlike/client/step/dir"
)

// notSecret refuses a file that lies in a secrets directory under whatever
// name it was opened: links inside the tree do not open what paths may not.
func (t *Tree) notSecret(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	top, err := t.root.Open(".")
	if err != nil {
		return err
	}
	defer top.Close()
	tasks, err := top.ReadDir(-1)
	if err != nil {
		return err
	}
	for _, task := range tasks {
		for _, name := range []string{dir.SecretsName, dir.PrivateName} {
			if t.holds(path.Join(task.Name(), name), info) {
				return nl.Errorf(nl.CodeDenied, "Reading secret file prohibited: %s", info.Name())
			}
		}
	}
	return nil
}

// holds tells whether a directory has the file, at any depth.
func (t *Tree) holds(p string, file os.FileInfo) bool {
	d, err := t.root.Open(p)
	if err != nil {
		return false
	}
	defer d.Close()
	entries, err := d.ReadDir(-1)
	if err != nil {
		return false
	}
	for _, e := range entries {
		if e.IsDir() {
			if t.holds(path.Join(p, e.Name()), file) {
				return true
			}
			continue
		}
		if info, err := e.Info(); err == nil && os.SameFile(info, file) {
			return true
		}
	}
	return false
}
