package alloc

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	"github.com/nomadlike/nomadlike/command/tail"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// fileFlags are the flags of the command.
type fileFlags struct {
	raw, stat, follow, verbose bool
	tail                       tail.Options
	target                     target
}

func files(*meta.Meta) *meta.Verb {
	var f fileFlags
	return &meta.Verb{
		Name: "alloc fs", Aliases: []string{"fs"}, Args: "<allocation> [<path>]", MinArgs: 1, MaxArgs: 2,
		Summary: "List and read the files of an allocation",
		Text: "Lists a directory of an allocation, or prints a file. Paths begin at the allocation's directory, which holds alloc/ and one directory per task.\n" +
			"With -f the command goes on as the file grows.",
		Examples: []meta.Example{
			{Text: "What an allocation has on its disk", Line: meta.Binary + " alloc fs f7a3c"},
			{Text: "Print a file", Line: meta.Binary + " alloc fs f7a3c api/local/config.json"},
			{Text: "The end of a growing file", Line: meta.Binary + " alloc fs -f -tail f7a3c api/local/trace.log"},
		},
		Flags: func(fl *meta.Flags) {
			fl.Bool(&f.raw, "H", false, "Show sizes in bytes and times in full, for other programs to read.")
			fl.Bool(&f.stat, "stat", false, "Show what kind of file it is instead of its contents.")
			fl.Bool(&f.follow, "f", false, "Go on showing what is written.")
			f.tail.Declare(fl)
			f.target.declareJob(fl)
			fl.Verbose(&f.verbose)
		},
		Predict: meta.Predict("allocs"),
		Do:      f.run,
	}
}

func (f *fileFlags) run(ctx context.Context, c *meta.Call) error {
	if err := f.tail.Check(); err != nil {
		return err
	}
	a, client, err := f.target.find(ctx, c)
	if err != nil {
		return err
	}
	path := "/"
	if len(c.Args) > 1 && c.Args[1] != "" {
		path = c.Args[1]
	}
	q := &apiclient.Query{Params: map[string]string{"path": path}}
	info, _, err := apiclient.Get[*nl.AllocFileInfo](ctx, client, "/v1/client/fs/stat/"+a.ID, q)
	if err != nil {
		return fmt.Errorf("looking at %s of allocation %s: %w", path, a.ID, err)
	}
	switch {
	case f.stat:
		t := render.NewTable("Mode", "Size", "Modified Time", "Content Type", "Name")
		t.Row(info.FileMode, f.size(info), f.time(info), info.ContentType, fileName(info))
		c.Print(t.String())
		return nil
	case info.IsDir:
		return f.list(ctx, c, client, a, q)
	}
	if err := f.print(ctx, c.Out, client, a, q); err != nil {
		return fmt.Errorf("reading %s of allocation %s: %w", path, a.ID, err)
	}
	return nil
}

func (f *fileFlags) list(ctx context.Context, c *meta.Call, client *apiclient.Client, a *nl.Alloc, q *apiclient.Query) error {
	entries, _, err := apiclient.Get[[]*nl.AllocFileInfo](ctx, client, "/v1/client/fs/ls/"+a.ID, q)
	if err != nil {
		return fmt.Errorf("listing %s of allocation %s: %w", q.Params["path"], a.ID, err)
	}
	if len(entries) == 0 {
		c.Print("The directory is empty")
		return nil
	}
	t := render.NewTable("Mode", "Size", "Modified Time", "Name")
	for _, e := range entries {
		t.Row(e.FileMode, f.size(e), f.time(e), fileName(e))
	}
	c.Print(t.String())
	return nil
}

// print copies a file to an output.
func (f *fileFlags) print(ctx context.Context, to io.Writer, client *apiclient.Client, a *nl.Alloc, q *apiclient.Query) error {
	if !f.follow && !f.tail.Ending() {
		body, err := client.Stream(ctx, "/v1/client/fs/cat/"+a.ID, q)
		if err != nil {
			return err
		}
		defer body.Close()
		_, err = io.Copy(to, body)
		return err
	}
	q.Params["origin"] = f.tail.Origin()
	q.Params["offset"] = strconv.FormatInt(f.tail.Offset(), 10)
	q.Params["follow"] = strconv.FormatBool(f.follow)
	return f.tail.Copy(ctx, to, client, "/v1/client/fs/stream/"+a.ID, q, f.follow)
}

func fileName(e *nl.AllocFileInfo) string {
	if e.IsDir {
		return e.Name + "/"
	}
	return e.Name
}

func (f *fileFlags) size(e *nl.AllocFileInfo) string {
	if f.raw {
		return strconv.FormatInt(e.Size, 10)
	}
	return render.Bytes(uint64(max(e.Size, 0)))
}

func (f *fileFlags) time(e *nl.AllocFileInfo) string {
	if f.raw {
		return e.ModTime.Format(time.RFC3339Nano)
	}
	return render.Time(e.ModTime.Local())
}
