package render

import (
	"strings"
	"testing"
	"time"
)

func TestTable(t *testing.T) {
	table := NewTable("ID", If(false, "Namespace"), "Type", "Submit Date")
	table.Row("web", "default", "service", "2026-01-02")
	table.Row("a-long-name", "default", "", "x\ny")
	want := "ID           Type     Submit Date\n" +
		"web          service  2026-01-02\n" +
		"a-long-name  <none>   x y"
	if got := table.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if table.Len() != 2 {
		t.Errorf("length %d, want 2", table.Len())
	}
}

func TestTable_WrapsItsLastColumn(t *testing.T) {
	table := NewTable("Group", "Why").WrapLast(30)
	table.Row("a", "short")
	table.Row("bb", "no node has what it takes to run it")
	want := "Group  Why\n" +
		"a      short\n" +
		"bb     no node has what it\n" +
		"       takes to run it"
	if got := table.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestTable_IgnoresColoursWhenAligning(t *testing.T) {
	p := Palette{On: true}
	table := NewTable("A", "B")
	table.Row(p.Paint(Red, "ü"), "1")
	table.Row("long", "2")
	lines := strings.Split(table.String(), "\n")
	if want := p.Paint(Red, "ü") + "     1"; lines[1] != want {
		t.Errorf("got %q, want %q", lines[1], want)
	}
}

func TestPairs(t *testing.T) {
	var p Pairs
	p.Add("ID", "web").Add("Submit Date", "").AddIf(false, "Never", "x")
	want := "ID          = web\nSubmit Date = <none>"
	if got := p.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestSince(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		ago  time.Duration
		want string
	}{
		{0, "0s ago"},
		{400 * time.Millisecond, "0s ago"},
		{5 * time.Second, "5s ago"},
		{-5 * time.Second, "5s from now"},
		{time.Minute, "1m ago"},
		{3*time.Hour + 12*time.Minute + 7*time.Second, "3h12m ago"},
		{25*time.Hour + 30*time.Second, "1d1h ago"},
		{24*time.Hour + 30*time.Second, "1d30s ago"},
		{40 * 24 * time.Hour, "1mo10d ago"},
		{400 * 24 * time.Hour, "1y1mo ago"},
	} {
		if got := Since(now.Add(-c.ago), now); got != c.want {
			t.Errorf("%v ago: got %q, want %q", c.ago, got, c.want)
		}
	}
	if got := SinceNanos(0, now); got != "" {
		t.Errorf("unset time: got %q", got)
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0 B", 1023: "1023 B", 1024: "1 KiB", 300 << 20: "300 MiB",
		3 << 29: "1.5 GiB", 1 << 40: "1 TiB",
	} {
		if got := Bytes(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}

func TestUseColour(t *testing.T) {
	for name, c := range map[string]struct {
		args     []string
		env      map[string]string
		terminal bool
		want     bool
	}{
		"terminal":          {terminal: true, want: true},
		"pipe":              {},
		"forced":            {args: []string{"status", "-force-color"}, want: true},
		"off wins":          {args: []string{"--no-color", "-force-color"}, terminal: true},
		"environment":       {env: map[string]string{"NOMAD_CLI_FORCE_COLOR": "1"}, want: true},
		"environment off":   {env: map[string]string{"NOMAD_CLI_NO_COLOR": "0"}, terminal: true},
		"not a flag":        {args: []string{"no-color"}, terminal: true, want: true},
		"widely used no":    {env: map[string]string{"NO_COLOR": "1"}, terminal: true},
		"off beats forcing": {env: map[string]string{"NOMAD_CLI_NO_COLOR": "1", "NOMAD_CLI_FORCE_COLOR": "1"}},
	} {
		getenv := func(k string) string { return c.env[k] }
		if got := UseColour(c.args, getenv, c.terminal); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

func TestTemplate_TellsWhatIsWrong(t *testing.T) {
	if _, err := Template("{{.ID", nil); err == nil || !strings.Contains(err.Error(), "not valid") {
		t.Errorf("broken template: %v", err)
	}
	if _, err := Template("{{.Nope}}", struct{ ID string }{"x"}); err == nil {
		t.Error("unknown field: no error")
	}
	if got, err := Template("{{.ID}}", struct{ ID string }{"x"}); err != nil || got != "x" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{
		{"", 10, ""},
		{"one", 10, "one"},
		{"one two three", 7, "one two\n  three"},
		{"one two three", 8, "one two\n  three"},
		{"a verylongword b", 4, "a\n  verylongword\n  b"},
		{"  spaces   fold ", 20, "spaces fold"},
	} {
		if got := Wrap(c.text, c.width, "  "); got != c.want {
			t.Errorf("%q in %d: got %q, want %q", c.text, c.width, got, c.want)
		}
	}
}
