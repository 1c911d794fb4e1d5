package client

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Files that hold who the node is.
const (
	nodeIDFile   = "client-id"
	secretIDFile = "secret-id"
	uuidLen      = 36
)

// readID reads an ID from a file, or makes one and keeps it.
func readID(dir, name string, newID func() string) (string, error) {
	path := filepath.Join(dir, name)
	raw, err := os.ReadFile(path)
	if err == nil {
		id := strings.TrimSpace(string(raw))
		if len(id) != uuidLen {
			return "", fmt.Errorf("%s holds no ID: restore it, or remove it to make this a new node", path)
		}
		return id, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("reading the node's identity: %w", err)
	}
	id := newID()
	// A half-written identity would make another node of this one.
	tmp := path + ".new"
	if err := os.WriteFile(tmp, []byte(id), 0o600); err != nil {
		return "", fmt.Errorf("keeping the node's identity: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return "", fmt.Errorf("keeping the node's identity: %w", err)
	}
	return id, nil
}
