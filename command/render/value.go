package render

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// idShort is how many characters of an ID are shown unless asked for more.
const idShort = 8

// ID is an ID as lists show it: whole when verbose, its start otherwise.
func ID(id string, verbose bool) string {
	if verbose || len(id) <= idShort {
		return id
	}
	return id[:idShort]
}

// Time is an instant, "" when unset.
func Time(t time.Time) string {
	if t.IsZero() || t.Unix() == 0 {
		return ""
	}
	return t.Format(time.RFC3339)
}

// Nanos is an instant in Unix nanoseconds, in the local zone; "" for 0.
func Nanos(ns int64) string {
	if ns == 0 {
		return ""
	}
	return Time(time.Unix(0, ns))
}

// unit is a step of relative times. A month has 30 days.
type unit struct {
	name string
	size time.Duration
}

func units() []unit {
	const day = 24 * time.Hour
	return []unit{
		{"y", 365 * day}, {"mo", 30 * day}, {"d", day},
		{"h", time.Hour}, {"m", time.Minute}, {"s", time.Second},
	}
}

// Since is how long before now an instant was, or how long after it will be,
// in its two largest units: "3h12m ago", "5s from now".
func Since(t, now time.Time) string {
	if t.IsZero() || t.Unix() == 0 {
		return ""
	}
	d, suffix := now.Sub(t), " ago"
	if d < 0 {
		d, suffix = -d, " from now"
	}
	return Span(d) + suffix
}

// SinceNanos is Since of an instant in Unix nanoseconds; "" for 0.
func SinceNanos(ns int64, now time.Time) string {
	if ns == 0 {
		return ""
	}
	return Since(time.Unix(0, ns), now)
}

// Span is a duration in its two largest units that are not zero.
func Span(d time.Duration) string {
	var parts []string
	for _, u := range units() {
		if n := d / u.size; n > 0 && len(parts) < 2 {
			parts = append(parts, strconv.FormatInt(int64(n), 10)+u.name)
			d -= n * u.size
		}
	}
	if len(parts) == 0 {
		return "0s"
	}
	return strings.Join(parts, "")
}

// When is an instant in Unix nanoseconds as lists show it: absolute when
// verbose, relative otherwise.
func When(ns int64, now time.Time, verbose bool) string {
	if verbose {
		return Nanos(ns)
	}
	return SinceNanos(ns, now)
}

// Bytes is a size in IEC units: "300 MiB", "1.5 GiB".
func Bytes(n uint64) string {
	const step = 1024
	if n < step {
		return fmt.Sprintf("%d B", n)
	}
	names := []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	value, i := float64(n)/step, 0
	for value >= step && i < len(names)-1 {
		value /= step
		i++
	}
	if value >= 10 || value == math.Trunc(value) {
		return fmt.Sprintf("%.0f %s", value, names[i])
	}
	return fmt.Sprintf("%.1f %s", value, names[i])
}

// MB is a size in mebibytes, as job files give it.
func MB(n int64) string {
	if n < 0 {
		return strconv.FormatInt(n, 10) + " MiB"
	}
	return Bytes(uint64(n) << 20)
}

// Share is used of total with a unit: "120/500 MHz".
func Share(used, total any, unit string) string {
	return fmt.Sprintf("%v/%v %s", used, total, unit)
}

// List joins values with commas.
func List(values []string) string { return strings.Join(values, ",") }

// Map shows a map as sorted k=v, joined with commas.
func Map[V any](m map[string]V) string {
	parts := make([]string, 0, len(m))
	for _, k := range Keys(m) {
		parts = append(parts, fmt.Sprintf("%s=%v", k, m[k]))
	}
	return strings.Join(parts, ",")
}

// Keys are the keys of a map in order.
func Keys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Float is a number with at most three significant digits, as scores show it.
func Float(f float64) string { return fmt.Sprintf("%.3g", f) }

// Count is a number with its noun: "1 node", "3 nodes".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
