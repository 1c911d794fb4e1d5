package artifact

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	getter "github.com/hashicorp/go-getter/v2"
)

// Main downloads what in describes; it is the body of the helper process.
// What goes wrong is written to out, for the user.
func Main(ctx context.Context, in io.Reader, out io.Writer) (exitCode int) {
	var s spec
	err := json.NewDecoder(in).Decode(&s)
	if err == nil {
		err = s.run(ctx)
	}
	if err != nil {
		fmt.Fprintln(out, err)
		return 1
	}
	return 0
}

// run downloads into a directory that only the helper can write, then moves
// the result into place.
func (s *spec) run(ctx context.Context) error {
	root, err := os.OpenRoot(s.Base)
	if err != nil {
		return err
	}
	defer root.Close()
	temp, err := os.MkdirTemp(filepath.Join(s.Base, s.Temp), ".artifact-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	got := filepath.Join(temp, "got")
	if err := s.get(ctx, got); err != nil {
		return err
	}
	if err := inspect(got); err != nil {
		return err
	}
	if err := s.chown(got); err != nil {
		return err
	}
	from, err := filepath.Rel(s.Base, got)
	if err != nil {
		return err
	}
	return merge(root, from, s.Dest)
}

func (s *spec) get(ctx context.Context, dst string) error {
	header := http.Header{}
	for k, v := range s.Headers {
		header.Set(k, v)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: s.Insecure}
	client := &getter.Client{
		DisableSymlinks: true,
		Decompressors:   getter.LimitedDecompressors(s.FilesMax, s.MaxBytes),
		Getters: []getter.Getter{
			&getter.GitGetter{Detectors: []getter.Detector{
				new(getter.GitHubDetector), new(getter.GitDetector), new(getter.BitBucketDetector), new(getter.GitLabDetector),
			}, Timeout: s.Timeout},
			&getter.HgGetter{Timeout: s.Timeout},
			&getter.HttpGetter{
				Netrc: true, Header: header, Client: &http.Client{Transport: transport}, DoNotCheckHeadFirst: true,
				ReadTimeout: s.Timeout, MaxBytes: s.MaxBytes, XTerraformGetDisabled: true,
			},
		},
	}
	mode := getter.ModeAny
	switch s.Mode {
	case "file":
		mode = getter.ModeFile
	case "dir":
		mode = getter.ModeDir
	}
	_, err := client.Get(ctx, &getter.Request{
		Src: s.Source, Dst: dst, GetMode: mode, Pwd: filepath.Dir(dst), Umask: fs.ModeSetuid | fs.ModeSetgid, DisableSymlinks: true,
	})
	return err
}

var errLink = errors.New("artifact has a link that leaves its directory")

// inspect refuses links that leave the tree, and strips bits that give rights.
func inspect(top string) error {
	return filepath.WalkDir(top, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			if !filepath.IsAbs(target) {
				target = filepath.Join(filepath.Dir(path), target)
			}
			if rel, err := filepath.Rel(top, target); err != nil || rel == ".." || strings.HasPrefix(rel, "../") {
				return fmt.Errorf("%w: %s", errLink, e.Name())
			}
			return nil
		}
		if info.Mode()&(fs.ModeSetuid|fs.ModeSetgid) != 0 {
			return os.Chmod(path, info.Mode().Perm())
		}
		return nil
	})
}

// chown gives the tree to the task's user.
func (s *spec) chown(top string) error {
	if s.User == "" || os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup(s.User)
	if err != nil {
		return err
	}
	uid, errU := strconv.Atoi(u.Uid)
	gid, errG := strconv.Atoi(u.Gid)
	if err := errors.Join(errU, errG); err != nil {
		return err
	}
	return filepath.WalkDir(top, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, gid)
	})
}

// merge moves from over to, file by file where both are directories.
func merge(root *os.Root, from, to string) error {
	info, err := root.Lstat(from)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		if parent := filepath.Dir(to); parent != "." {
			if err := root.MkdirAll(parent, 0o777); err != nil {
				return err
			}
		}
		if old, err := root.Lstat(to); err == nil && old.IsDir() {
			to = filepath.Join(to, filepath.Base(from))
		}
		return root.Rename(from, to)
	}
	if err := root.MkdirAll(to, 0o777); err != nil {
		return err
	}
	d, err := root.Open(from)
	if err != nil {
		return err
	}
	defer d.Close()
	entries, err := d.ReadDir(-1)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := merge(root, filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
