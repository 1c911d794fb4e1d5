package client

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nomadlike/nomadlike/client/alloc"
	files "github.com/nomadlike/nomadlike/client/fs"
	"github.com/nomadlike/nomadlike/client/step/dir"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/session"
)

// none is the reply of methods that answer nothing.
type none = struct{}

// handle registers everything that is asked of a node.
func (c *Client) handle() {
	m := c.mux
	session.Handle(m, "Client.Stats", c.onStats)
	session.Handle(m, "Client.GC", func(_ context.Context, _ *query.ClientGC, _ *none) error {
		c.gcAll()
		return nil
	})
	session.Handle(m, "Client.Metadata", c.onMetadata)
	session.Handle(m, "Node.CreateVolume", c.onCreateVolume)
	session.Handle(m, "Node.RegisterVolume", c.onRegisterVolume)
	session.Handle(m, "Node.DeleteVolume", c.onDeleteVolume)
	session.Handle(m, "Alloc.Stats", c.onAllocStats)
	session.Handle(m, "Alloc.Restart", c.onRestart)
	session.Handle(m, "Alloc.Signal", c.onSignal)
	session.Handle(m, "Alloc.GC", func(_ context.Context, req *query.AllocGC, _ *none) error { return c.gcOne(req.AllocID) })
	session.Handle(m, "Alloc.Checks", c.onChecks)
	session.HandleStream(m, "Alloc.Exec", c.onExec)
	session.HandleStream(m, "Alloc.Snapshot", c.onSnapshot)
	session.Handle(m, "FS.List", c.onList)
	session.Handle(m, "FS.Stat", c.onStat)
	session.HandleStream(m, "FS.Read", c.onRead)
	session.HandleStream(m, "FS.Stream", c.onStream)
	session.HandleStream(m, "FS.Logs", c.onLogs)
}

func unknownAlloc(id string) error {
	return nl.Errorf(nl.CodeNotFound, "Unknown allocation %q", id)
}

func (c *Client) find(id string) (*alloc.Runner, error) {
	if r := c.runner(id); r != nil {
		return r, nil
	}
	return nil, unknownAlloc(id)
}

func (c *Client) onStats(_ context.Context, _ *query.ClientStats, reply *nl.HostStats) error {
	*reply = *c.hostStats.Sample()
	return nil
}

func (c *Client) onMetadata(_ context.Context, req *query.ClientMetadata, reply *nl.NodeMetaResponse) error {
	if req.Set {
		if err := c.node.setMeta(req.Meta, c.db); err != nil {
			return err
		}
	}
	*reply = *c.node.meta()
	return nil
}

func (c *Client) onRestart(_ context.Context, req *query.AllocRestart, _ *none) error {
	r, err := c.find(req.AllocID)
	if err != nil {
		return err
	}
	return r.Restart(req.Task, req.AllTasks)
}

func (c *Client) onSignal(ctx context.Context, req *query.AllocSignal, _ *none) error {
	r, err := c.find(req.AllocID)
	if err != nil {
		return err
	}
	return r.Signal(ctx, req.Task, req.Signal, "")
}

func (c *Client) onChecks(_ context.Context, req *query.AllocChecks, reply *query.AllocCheckResults) error {
	r, err := c.find(req.AllocID)
	if err != nil {
		return err
	}
	reply.Results = r.Checks()
	return nil
}

// tree opens the files of an allocation.
func (c *Client) tree(id string) (*files.Tree, error) {
	r, err := c.find(id)
	if err != nil {
		return nil, err
	}
	return files.Open(r.Dirs())
}

func (c *Client) onList(_ context.Context, req *query.FSList, reply *query.FSFiles) error {
	t, err := c.tree(req.AllocID)
	if err != nil {
		return err
	}
	defer t.Close()
	reply.Files, err = t.List(req.Path)
	return err
}

func (c *Client) onStat(_ context.Context, req *query.FSStat, reply *nl.AllocFileInfo) error {
	t, err := c.tree(req.AllocID)
	if err != nil {
		return err
	}
	defer t.Close()
	info, err := t.Stat(req.Path)
	if err != nil {
		return err
	}
	*reply = *info
	return nil
}

func (c *Client) onRead(_ context.Context, req *query.FSRead, s session.Stream) error {
	t, err := c.tree(req.AllocID)
	if err != nil {
		return err
	}
	defer t.Close()
	return t.Read(req.Path, req.Offset, req.Limit, func(b []byte) error {
		return s.Send(&query.Chunk{Data: append([]byte(nil), b...)})
	})
}

func (c *Client) onStream(ctx context.Context, req *query.FSStream, s session.Stream) error {
	t, err := c.tree(req.AllocID)
	if err != nil {
		return err
	}
	defer t.Close()
	return t.Stream(ctx, req.Path, req.Origin, req.Offset, req.Follow, func(f *query.Frame) error { return s.Send(f) })
}

func (c *Client) onLogs(ctx context.Context, req *query.FSLogs, s session.Stream) error {
	r, err := c.find(req.AllocID)
	if err != nil {
		return err
	}
	if req.Task == "" {
		return nl.Errorf(nl.CodeInvalid, "must provide task name")
	}
	state := r.States()[req.Task]
	if state == nil {
		return nl.Errorf(nl.CodeInvalid, "unknown task name %q", req.Task)
	}
	if state.StartedAt.IsZero() {
		return nl.Errorf(nl.CodeNotFound, "task %q not started yet. No logs available", req.Task)
	}
	t, err := files.Open(r.Dirs())
	if err != nil {
		return err
	}
	defer t.Close()
	ask := files.LogRequest{Task: req.Task, Type: req.Type, Origin: req.Origin, Offset: req.Offset, Follow: req.Follow}
	return t.Logs(ctx, ask, func(f *query.Frame) error { return s.Send(f) })
}

// chunkBytes is how much of an archive one message carries.
const chunkBytes = 64 << 10

// chunks writes a stream of chunks.
type chunks struct{ s session.Stream }

func (w chunks) Write(b []byte) (int, error) {
	total := 0
	for len(b) > 0 {
		n := min(len(b), chunkBytes)
		if err := w.s.Send(&query.Chunk{Data: append([]byte(nil), b[:n]...)}); err != nil {
			return total, err
		}
		total += n
		b = b[n:]
	}
	return total, nil
}

// onSnapshot archives what an allocation on another node takes over.
func (c *Client) onSnapshot(ctx context.Context, req *query.AllocSnapshot, s session.Stream) error {
	r, err := c.find(req.AllocID)
	if err != nil {
		return err
	}
	w := tar.NewWriter(chunks{s})
	a := r.Alloc()
	dirs := []string{r.Dirs().Data()}
	for name := range r.States() {
		dirs = append(dirs, r.Dirs().Task(name).Local())
	}
	for _, d := range dirs {
		if err := archive(ctx, w, r.Dirs(), d); err != nil {
			c.log.Warn("snapshot of allocation is not complete", "alloc_id", a.ID, "error", err)
			return err
		}
	}
	return w.Close()
}

func archive(ctx context.Context, w *tar.Writer, root dir.Alloc, from string) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		link := ""
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			if link, err = os.Readlink(path); err != nil {
				return err
			}
		case !info.Mode().IsRegular() && !info.IsDir():
			return nil
		}
		h, err := tar.FileInfoHeader(info, link)
		if err != nil {
			return err
		}
		if h.Name, err = filepath.Rel(root.Root, path); err != nil {
			return err
		}
		if err := w.WriteHeader(h); err != nil || !info.Mode().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.CopyN(w, f, h.Size)
		return err
	})
}
