// Package cron reads the lines of periodic jobs: when they fire, in a time
// zone, and what about them is hardly meant. Admission asks whether a line is
// one, the leader's clock and the command line when it fires. It never looks at
// a clock itself.
package cron

import (
	"fmt"
	"strconv"
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
	fields    []string
	backwards []string // ranges whose end is before their start
	empty     bool     // a field of the time of day, month or year has nothing else
	expr      *cronexpr.Expression
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
	text = expandMacros(text)
	expr, err := cronexpr.Parse(text)
	if err != nil {
		return Line{}, err
	}
	line = Line{fields: strings.Fields(text), expr: expr}
	line.findBackwards()
	return line, nil
}

// expandMacros writes out the macros, wherever they stand.
func expandMacros(text string) string {
	return strings.NewReplacer(
		"@yearly", "0 0 0 1 1 * *",
		"@annually", "0 0 0 1 1 * *",
		"@monthly", "0 0 0 1 * * *",
		"@weekly", "0 0 0 * * 0 *",
		"@daily", "0 0 0 * * * *",
		"@hourly", "0 0 * * * * *",
	).Replace(text)
}

// findBackwards looks for ranges that hold nothing. The library takes them and
// then looks for what they match one unit of time after the other until the
// last year, which for seconds takes minutes.
func (l *Line) findBackwards() {
	first := 0 // the position of the first field among seven
	if len(l.fields) < fieldsMax {
		first = 1
	}
	for i, field := range l.fields[:min(len(l.fields), fieldsMax)] {
		entries := strings.FieldsFunc(field, func(r rune) bool { return r == ',' })
		found := 0
		for _, entry := range entries {
			if runsBackwards(entry, first+i) {
				l.backwards = append(l.backwards, entry)
				found++
			}
		}
		if day := first+i == fieldDay || first+i == fieldWeekday; !day && found == len(entries) {
			l.empty = true
		}
	}
}

// The positions of fields that are treated specially.
const (
	fieldDay     = 3
	fieldWeekday = 5
)

// runsBackwards tells whether the end of a range, if the entry is one, is before
// its start.
func runsBackwards(entry string, field int) bool {
	entry, _, _ = strings.Cut(entry, "/")
	from, to, isRange := strings.Cut(entry, "-")
	if !isRange {
		return false
	}
	end := ordinal(to)
	if field == fieldWeekday && end%7 == 0 {
		return false // Sunday ends the week as well as it starts it
	}
	return end < ordinal(from)
}

// ordinal is the number of a value, which may be the name of a month or day.
func ordinal(value string) int {
	if n, err := strconv.Atoi(value); err == nil {
		return n
	}
	const names = "jan feb mar apr may jun jul aug sep oct nov dec sun mon tue wed thu fri sat"
	const nameBytes, months = 4, 12
	if len(value) < nameBytes-1 {
		return 0
	}
	n := strings.Index(names, strings.ToLower(value[:nameBytes-1])) / nameBytes
	if n >= months {
		return n - months
	}
	return n + 1
}

// Next is the first time after another at which the line fires, in the zone of
// that time; the zero time when it never does. Times that a change of the clock
// leaves out do not exist, and those it repeats exist twice.
func (l Line) Next(after time.Time) time.Time {
	if l.empty {
		return time.Time{}
	}
	return l.expr.Next(after)
}

// Warnings tells what the line says but its author hardly means.
func (l Line) Warnings() []string {
	var out []string
	for _, entry := range l.backwards {
		out = append(out, fmt.Sprintf("has a range that runs backwards and matches nothing: %s", entry))
	}
	if n := len(l.fields); n > fieldsMax {
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
