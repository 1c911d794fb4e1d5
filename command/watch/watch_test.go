package watch

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func TestScreen_RedrawsInPlace(t *testing.T) {
	var out bytes.Buffer
	m := &meta.Meta{
		Out: &out, Terminal: true, Width: func() int { return 10 },
		Now: func() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC) },
	}
	s := newScreen(m)
	s.show("title", "short", "", false)
	if strings.Contains(out.String(), clearDown) {
		t.Errorf("the first block erases something: %q", out.String())
	}
	// Title (9), empty, time (24, three rows of 10), block (9).
	out.Reset()
	s.show("title", "longer block", "", false)
	if want := "\x1b[6A\r" + clearDown; !strings.HasPrefix(out.String(), want) {
		t.Errorf("second block begins with %q, want %q", out.String(), want)
	}
	out.Reset()
	s.show("title", "done", "✓", true)
	if want := "\x1b[7A\r" + clearDown + "  ✓ title\n"; !strings.HasPrefix(out.String(), want) {
		t.Errorf("last block begins with %q, want %q", out.String(), want)
	}
	out.Reset()
	s.show("next", "block", "", false)
	if strings.Contains(out.String(), clearDown) {
		t.Errorf("a finished block is erased: %q", out.String())
	}
}

func TestRows(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  int
	}{
		{"", 10, 1}, {"a\nb", 0, 2}, {"a\n\nb", 10, 3}, {strings.Repeat("x", 10), 10, 1}, {strings.Repeat("x", 11), 10, 2},
		{render.Palette{On: true}.Bold(strings.Repeat("x", 10)), 10, 1},
	} {
		if got := rows(c.text, c.width); got != c.want {
			t.Errorf("%q at %d: %d rows, want %d", c.text, c.width, got, c.want)
		}
	}
}

func TestMetric_MissingDriversStandOut(t *testing.T) {
	m := &nl.AllocMetric{NodesEvaluated: 1, ConstraintFiltered: map[string]int{"missing drivers": 1, "other": 2}}
	got := Metric(m, render.Palette{On: true}, false, "")
	if strings.Count(got, "\x1b[31m") != 1 || !strings.Contains(got, "\x1b[31mConstraint \"missing drivers\": 1 node") {
		t.Errorf("got %q", got)
	}
}

func TestOver(t *testing.T) {
	for status, want := range map[string]bool{
		nl.DeploymentStatusRunning: false, nl.DeploymentStatusPaused: false, nl.DeploymentStatusPending: false,
		nl.DeploymentStatusUnblocking: false, nl.DeploymentStatusInitializing: false,
		nl.DeploymentStatusSuccessful: true, nl.DeploymentStatusFailed: true, nl.DeploymentStatusCancelled: true,
		nl.DeploymentStatusBlocked: true,
	} {
		if got := Over(&nl.Deployment{Status: status}); got != want {
			t.Errorf("%s: %v, want %v", status, got, want)
		}
	}
}
