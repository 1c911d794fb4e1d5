package watch

import (
	"fmt"
	"strings"
	"time"

	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
)

const (
	// redrawEvery is how often the spinner turns.
	redrawEvery = 100 * time.Millisecond
	// clearDown erases from the cursor to the end of the screen.
	clearDown = "\x1b[0J"
)

// screen shows a block that changes: in place on a terminal, one after the
// other elsewhere.
type screen struct {
	meta  *meta.Meta
	lines int // of the block on the terminal
	turn  int
}

func newScreen(m *meta.Meta) *screen { return &screen{meta: m} }

// ticks tells when to turn the spinner; never where there is no terminal.
func (s *screen) ticks() (<-chan time.Time, func()) {
	if !s.meta.Terminal {
		return nil, func() {}
	}
	t := time.NewTicker(redrawEvery)
	return t.C, t.Stop
}

// show draws a block over the one before. The mark stands in the place of the
// spinner when the block is the last.
func (s *screen) show(title, block, mark string, last bool) {
	block = render.Indent(render.Time(s.meta.Now())+"\n"+block, "    ")
	if !s.meta.Terminal {
		if last {
			block += "\n\n  " + mark + " " + title
		}
		s.meta.Print(block + "\n")
		return
	}
	spinner := []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"}
	if !last {
		mark = spinner[s.turn%len(spinner)]
		s.turn++
	}
	text := "  " + mark + " " + title + "\n\n" + block
	if s.lines > 0 {
		fmt.Fprintf(s.meta.Out, "\x1b[%dA\r%s", s.lines, clearDown)
	}
	s.lines = rows(text, s.meta.Width())
	s.meta.Print(text)
	if last {
		s.lines = 0
	}
}

// rows is how many lines a text takes on a terminal that breaks long ones.
func rows(text string, width int) int {
	lines := strings.Split(text, "\n")
	if width <= 0 {
		return len(lines)
	}
	n := 0
	for _, line := range lines {
		n += max(1, (render.Width(line)+width-1)/width)
	}
	return n
}
