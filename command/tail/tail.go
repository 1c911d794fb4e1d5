// Package tail prints files and logs of tasks as they are streamed, from their
// start or only their last lines. The commands that show logs and files call
// it. It never chooses what to read.
package tail

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

const (
	// linesDefault is how many lines are shown when no number is said.
	linesDefault = 10
	// lineBytes is how long a line is taken to be, in bytes: that much is read
	// for each and what is too much is dropped.
	lineBytes = 120
	// linesBytesMin is read at least, in bytes, so that a few long lines are
	// found too.
	linesBytesMin = 64 << 10
	// historyQuiet ends the part that was written before: agents send it in one
	// go, so a pause means that what comes next is new.
	historyQuiet = 300 * time.Millisecond
	// unset stands for a number that was not given.
	unset = -1
)

// Options are how much of the end is shown.
type Options struct {
	tail         bool
	lines, bytes int
}

// Declare adds the flags.
func (o *Options) Declare(fl *meta.Flags) {
	fl.Bool(&o.tail, "tail", false, "Begin at the end: show the last lines only.")
	fl.Int(&o.lines, "n", unset, "<lines>", "How many lines of the end to show; implies -tail. Default with -tail: 10.")
	fl.Int(&o.bytes, "c", unset, "<bytes>", "How many bytes of the end to show; implies -tail.")
}

// Check refuses what contradicts itself.
func (o *Options) Check() error {
	if o.lines != unset && o.bytes != unset {
		return meta.Usagef("-n and -c exclude each other")
	}
	if o.lines < unset || o.bytes < unset {
		return meta.Usagef("-n and -c take a number that is not negative")
	}
	return nil
}

// Ending tells whether only the end is wanted.
func (o *Options) Ending() bool { return o.tail || o.lines != unset || o.bytes != unset }

// Origin is the parameter that says which end offsets count from.
func (o *Options) Origin() string {
	if o.Ending() {
		return "end"
	}
	return "start"
}

// Offset is how many bytes to read from there.
func (o *Options) Offset() int64 {
	switch {
	case !o.Ending():
		return 0
	case o.bytes != unset:
		return int64(o.bytes)
	}
	return max(int64(o.wanted())*lineBytes, linesBytesMin)
}

// wanted is the number of lines, unset when bytes are counted.
func (o *Options) wanted() int {
	switch {
	case !o.Ending() || o.bytes != unset:
		return unset
	case o.lines != unset:
		return o.lines
	}
	return linesDefault
}

// Copy streams frames from path to an output, and drops the lines that are too
// many. With follow the stream goes on after what there is already.
func (o *Options) Copy(ctx context.Context, to io.Writer, client *apiclient.Client, path string, q *apiclient.Query, follow bool) error {
	lines := o.wanted()
	if lines == unset {
		return client.Frames(ctx, path, q, func(f query.Frame) error {
			_, err := to.Write(f.Data)
			return err
		})
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	data, ended := make(chan []byte), make(chan error, 1)
	go func() {
		ended <- client.Frames(ctx, path, q, func(f query.Frame) error {
			select {
			case data <- f.Data:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	c := cut{to: to, lines: lines, holding: true}
	if follow {
		c.history, c.quiet = o.Offset(), historyQuiet
	}
	err := c.copy(data, ended)
	stop()
	if errors.Is(err, errOutput) {
		<-ended
	}
	return err
}

// errOutput marks that the output took no more, while the stream goes on.
var errOutput = errors.New("writing the output")

// cut holds back what was written before until it is complete, writes its last
// lines, and from then on everything.
type cut struct {
	to      io.Writer
	lines   int
	history int64         // bytes that are certainly complete; 0: only the end tells
	quiet   time.Duration // a pause that ends it; 0: only the end tells

	held    []byte
	holding bool
}

func (c *cut) copy(data <-chan []byte, ended <-chan error) error {
	var pause <-chan time.Time
	for {
		select {
		case d := <-data:
			if !c.holding {
				if _, err := c.to.Write(d); err != nil {
					return output(err)
				}
				continue
			}
			c.held = append(c.held, d...)
			if c.quiet > 0 {
				pause = time.After(c.quiet)
			}
			if c.history == 0 || int64(len(c.held)) < c.history {
				continue
			}
		case <-pause:
		case err := <-ended:
			if !c.holding {
				return err
			}
			return errors.Join(err, c.flush())
		}
		pause = nil
		if err := c.flush(); err != nil {
			return err
		}
	}
}

func (c *cut) flush() error {
	_, err := c.to.Write(lastOf(c.held, c.lines))
	c.held, c.holding = nil, false
	return output(err)
}

func output(err error) error {
	if err == nil {
		return nil
	}
	return errors.Join(errOutput, err)
}

// lastOf is the last lines of a text.
func lastOf(text []byte, lines int) []byte {
	end := len(text)
	if end > 0 && text[end-1] == '\n' {
		end--
	}
	if lines == 0 {
		return nil
	}
	for range lines {
		i := bytes.LastIndexByte(text[:end], '\n')
		if i < 0 {
			return text
		}
		end = i
	}
	return text[end+1:]
}
