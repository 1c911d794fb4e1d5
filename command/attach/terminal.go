package attach

import (
	"context"
	"io"
	"os"

	"golang.org/x/term"
)

// Terminal is the window a person sits at.
type Terminal interface {
	// Raw hands every key press on unread and undoes that when restore is called.
	Raw() (restore func(), err error)
	// Size is the number of rows and columns.
	Size() (height, width int, err error)
	// Resized tells when the size has changed, until ctx ends.
	Resized(ctx context.Context) <-chan struct{}
}

// TerminalOf is the terminal that both in and out are, nil when they are not
// one.
func TerminalOf(in io.Reader, out io.Writer) Terminal {
	i, ok := in.(*os.File)
	if !ok {
		return nil
	}
	o, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(i.Fd())) || !term.IsTerminal(int(o.Fd())) {
		return nil
	}
	return &terminal{in: int(i.Fd()), out: int(o.Fd())}
}

type terminal struct{ in, out int }

func (t *terminal) Raw() (func(), error) {
	before, err := term.MakeRaw(t.in)
	if err != nil {
		return nil, err
	}
	return func() { term.Restore(t.in, before) }, nil
}

func (t *terminal) Size() (height, width int, err error) {
	width, height, err = term.GetSize(t.out)
	return height, width, err
}

func (t *terminal) Resized(ctx context.Context) <-chan struct{} { return resized(ctx) }
