// Package cron reads the lines of periodic jobs: when they fire, in a time
// zone, and what about them is hardly meant. Admission asks whether a line is
// one, the leader's clock and the command line when it fires. It never looks at
// a clock itself.
package cron

import (
	"fmt"
	"strings"
	"time"
	// Time zones are part of what a job file means; they must not depend on
	// what is installed beside the program.
	_ "time/tzdata"

	"github.com/hashicorp/cronexpr"
)

const (
	// lineBytesMax bounds one line, in bytes. A line that lists every value of
	// every field by name takes less.
	lineBytesMax = 4 << 10
	// fieldsMax bounds the fields of a line: seconds, minutes, hours, days,
	// months, days of the week and years.
	fieldsMax = 7
)

// Line is one cron line: five fields from minutes to days of the week, six with
// years behind, seven with seconds in front, or a macro like @daily.
type Line struct {
	text string
	expr *cronexpr.Expression
}

// Parse reads a line. The error tells which field cannot be read.
func Parse(text string) (line Line, err error) {
	if len(text) > lineBytesMax {
		return Line{}, fmt.Errorf("it has %d bytes, more than %d", len(text), lineBytesMax)
	}
	// The library below is meant for trusted lines; the next strange one must
	// not end the process.
	defer func() {
		if fault := recover(); fault != nil {
			line, err = Line{}, fmt.Errorf("it cannot be read: %v", fault)
		}
	}()
	expr, err := cronexpr.Parse(text)
	if err != nil {
		return Line{}, err
	}
	return Line{text, expr}, nil
}

// Next is the first time after another at which the line fires, in the zone of
// that time; the zero time when it never does. Times that a change of the clock
// leaves out do not exist, and those it repeats exist twice.
func (l Line) Next(after time.Time) (next time.Time) {
	// A range that runs backwards is empty, which the library does not expect.
	defer func() {
		if recover() != nil {
			next = time.Time{}
		}
	}()
	return l.expr.Next(after)
}

// Warnings tells what the line says but its author hardly means.
func (l Line) Warnings() []string {
	var out []string
	if n := len(strings.Fields(l.text)); n > fieldsMax {
		out = append(out, fmt.Sprintf("has %d fields, of which only the first %d count", n, fieldsMax))
	}
	// Years begin with this one, so what does not fire from here on never does.
	first := l.Next(time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC).Add(-time.Second))
	if first.IsZero() {
		return append(out, "never fires: no date matches all its fields")
	}
	second := l.Next(first)
	if !second.IsZero() && second.Truncate(time.Minute).Equal(first.Truncate(time.Minute)) {
		out = append(out, "fires more than once a minute: its first of seven fields is the seconds")
	}
	return out
}

// Zone is the time zone of a name; the empty name is UTC.
func Zone(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	return time.LoadLocation(name)
}
