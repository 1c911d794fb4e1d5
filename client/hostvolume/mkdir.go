package hostvolume

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

const (
	// rootMode lets tasks of other users through to their volumes, and lists none.
	rootMode = 0o711
	// volumeMode is the mode of a volume that does not say.
	volumeMode = 0o700
	// modeMax is the highest mode: permissions and the three special bits.
	modeMax = 0o7777
)

// mkdir makes a directory named as the volume's ID, beneath root. Parameters:
// mode (octal), uid and gid.
type mkdir struct{ root string }

func (p mkdir) create(_ context.Context, v *nl.HostVolume) (string, int64, error) {
	mode, uid, gid, err := mkdirParameters(v.Parameters)
	if err != nil {
		return "", 0, err
	}
	if err := os.MkdirAll(p.root, rootMode); err != nil {
		return "", 0, err
	}
	root, err := os.OpenRoot(p.root)
	if err != nil {
		return "", 0, err
	}
	defer root.Close()
	path := filepath.Join(p.root, v.ID)
	switch err := root.Mkdir(v.ID, mode.Perm()); {
	case errors.Is(err, fs.ErrExist):
		return path, 0, nil // made before; its content stays as it is
	case err != nil:
		return "", 0, err
	}
	// Mkdir obeys the umask and knows no special bits.
	err = root.Chmod(v.ID, mode)
	if err == nil && (uid >= 0 || gid >= 0) {
		err = root.Chown(v.ID, uid, gid)
	}
	if err != nil {
		return "", 0, errors.Join(err, root.Remove(v.ID))
	}
	return path, 0, nil
}

func (p mkdir) remove(_ context.Context, v *nl.HostVolume) error {
	root, err := os.OpenRoot(p.root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer root.Close()
	return root.RemoveAll(v.ID)
}

// mkdirParameters reads the parameters; -1 leaves an owner as it is.
func mkdirParameters(all map[string]string) (mode fs.FileMode, uid, gid int, err error) {
	mode, uid, gid = volumeMode, -1, -1
	if text := all["mode"]; text != "" {
		bits, err := strconv.ParseUint(text, 8, 32)
		if err != nil || bits > modeMax {
			return 0, 0, 0, fmt.Errorf("parameter mode is %q; use octal digits up to 7777, such as 0755", text)
		}
		mode = fileMode(bits)
	}
	for name, id := range map[string]*int{"uid": &uid, "gid": &gid} {
		text := all[name]
		if text == "" {
			continue
		}
		if *id, err = strconv.Atoi(text); err != nil || *id < 0 {
			return 0, 0, 0, fmt.Errorf("parameter %s is %q; use a number that is not negative", name, text)
		}
	}
	return mode, uid, gid, nil
}

// fileMode turns the bits of chmod into those of Go.
func fileMode(bits uint64) fs.FileMode {
	mode := fs.FileMode(bits).Perm()
	for bit, special := range map[uint64]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if bits&bit != 0 {
			mode |= special
		}
	}
	return mode
}
