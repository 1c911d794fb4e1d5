package operator

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"sync"
	"time"
)

// bundle is what debug collects: an archive, or a directory. It is safe for
// concurrent use.
type bundle struct {
	now  func() time.Time
	root string // the directory of everything in it

	mu      sync.Mutex
	dir     string // "" for an archive
	file    *os.File
	zip     *gzip.Writer
	archive *tar.Writer
	names   []string
}

// newBundle begins an archive of that name, or with dir a directory in it.
func newBundle(name, dir string, now func() time.Time) (*bundle, error) {
	b := &bundle{now: now, root: name}
	if dir != "" {
		b.dir = filepath.Join(dir, name)
		if err := os.MkdirAll(b.dir, 0o700); err != nil {
			return nil, fmt.Errorf("creating the directory: %w", err)
		}
		return b, nil
	}
	f, err := os.OpenFile(name+".tar.gz", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("creating the archive: %w", err)
	}
	b.file, b.zip = f, gzip.NewWriter(f)
	b.archive = tar.NewWriter(b.zip)
	return b, nil
}

// place is where the bundle is.
func (b *bundle) place() string {
	if b.dir != "" {
		return b.dir
	}
	return b.file.Name()
}

// add puts a file into the bundle.
func (b *bundle) add(name string, content []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.names = append(b.names, name)
	if b.dir != "" {
		at := filepath.Join(b.dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			return fmt.Errorf("creating a directory: %w", err)
		}
		return os.WriteFile(at, content, 0o600)
	}
	h := &tar.Header{Typeflag: tar.TypeReg, Name: path.Join(b.root, name), Mode: 0o600, Size: int64(len(content)), ModTime: b.now()}
	if err := b.archive.WriteHeader(h); err != nil {
		return fmt.Errorf("writing the archive: %w", err)
	}
	_, err := b.archive.Write(content)
	return err
}

func (b *bundle) close() error {
	if b.dir != "" {
		return nil
	}
	return errors.Join(b.archive.Close(), b.zip.Close(), b.file.Close())
}
