package cron

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// layout is how the table writes times; the zone's offset tells apart the two
// times that a clock set back shows as one.
const layout = "2006-01-02T15:04:05-07:00"

// TestLines runs the table. A line holds, between bars, a cron line, a zone
// (UTC when empty), the time to start after and what is expected: the launches
// that follow, "never" behind the last, or "> text" for a line that is refused.
func TestLines(t *testing.T) {
	raw, err := os.ReadFile("testdata/lines.txt")
	if err != nil {
		t.Fatal(err)
	}
	for n, text := range strings.Split(string(raw), "\n") {
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		cells := strings.Split(text, "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		t.Run(fmt.Sprintf("line %d", n+1), func(t *testing.T) {
			if len(cells) != 4 {
				t.Fatalf("%d cells, want 4", len(cells))
			}
			line, err := Parse(cells[0])
			if want, refused := strings.CutPrefix(cells[3], "> "); refused {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("want an error with %q, got %v", want, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			zone, err := Zone(cells[1])
			if err != nil {
				t.Fatal(err)
			}
			at, err := time.Parse(time.RFC3339, cells[2])
			if err != nil {
				t.Fatal(err)
			}
			at = at.In(zone)
			for _, want := range strings.Fields(cells[3]) {
				at = line.Next(at)
				got := "never"
				if !at.IsZero() {
					got = at.Format(layout)
				}
				if got != want {
					t.Errorf("%q fires at %s, want %s", cells[0], got, want)
				}
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	for text, want := range map[string]string{
		"* * * * *":               "",
		"@hourly":                 "",
		"0 * * * * * *":           "",
		"30 0 0 1 1 * 2030":       "",
		"* * * * * * *":           "more than once a minute",
		"*/30 * * * * * *":        "more than once a minute",
		"0,59 30 4 1 1 * 1971":    "more than once a minute",
		"59-59 * * * * * *":       "",
		"0 0 31 2 *":              "never fires",
		"30-10 * * * *":           "runs backwards and matches nothing: 30-10; never fires",
		"30-10,5 * * * *":         "runs backwards and matches nothing: 30-10",
		"0 22-6 * * *":            "never fires",
		"0 0 * * FRI-TUE":         "runs backwards",
		"0 0 * * FRI-SUN":         "",
		"0 0 * * 5-7":             "",
		"0 0 1 NOV-feb *":         "never fires",
		"5-1 @hourly":             "never fires",
		"* * 31-1 * *":            "never fires",
		"0 0 0 1 1 * 2030 * *":    "has 9 fields",
		"0 0 29 2 * 2026":         "never fires",
		"0 0 29 2 * 2028":         "",
		"0 5-1 * * * 2030":        "never fires",
		"* * * 12-2 *":            "never fires",
		"* * * * * 2030-2020":     "never fires",
		"5-1 * * * * * *":         "never fires",
		"0 0 0 29 2 * 1970-1971":  "never fires",
		"0-1 0 0 29 2 * 1972-73":  "-", // refused
		"*/59 0 0 1 1 * 1970,199": "-", // refused
	} {
		line, err := Parse(text)
		if (err != nil) != (want == "-") {
			t.Errorf("%q: %v", text, err)
		}
		if err != nil {
			continue
		}
		got := strings.Join(line.Warnings(), "; ")
		if (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%q warns %q, want %q", text, got, want)
		}
	}
}

func TestZone(t *testing.T) {
	for _, name := range []string{"", "UTC", "Europe/Berlin", "America/Sao_Paulo"} {
		if _, err := Zone(name); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"Mars/Olympus", "../etc/passwd", "CEST+2"} {
		if _, err := Zone(name); err == nil {
			t.Errorf("zone %q is accepted", name)
		}
	}
}

// FuzzCron reads any line and asks it about any zone: nothing may panic, hang
// or go backwards.
func FuzzCron(f *testing.F) {
	for _, text := range []string{"* * * * *", "@daily", "*/5 0-23/2 L,15W,LW JAN-DEC 5L,MON#2 2030", "30 0 0 1 1 * 2030", "9-1 9-1 9-1 9-1 5-1 2030-2020"} {
		f.Add(text, int64(1772366400), "Europe/Berlin")
	}
	f.Fuzz(func(t *testing.T, text string, at int64, name string) {
		line, err := Parse(text)
		if err != nil {
			return
		}
		zone, err := Zone(name)
		if err != nil {
			zone = time.UTC
		}
		const yearMax = 9999
		after := time.Unix(at, 0).In(zone)
		if after.Year() < 0 || after.Year() > yearMax {
			return
		}
		if next := line.Next(after); !next.IsZero() && !next.After(after) {
			t.Errorf("%q in %s: %s follows %s", text, zone, next, after)
		}
		line.Warnings()
	})
}
