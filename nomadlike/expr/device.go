package expr

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/nomadlike/nomadlike/nomadlike"
)

// unit is what a unit of device attributes measures, and how much of the base
// unit it is.
type unit struct {
	measures string
	factor   float64
}

// unitOf knows the units that device attributes may carry: bytes, bytes a
// second, Hertz and Watt with their prefixes.
func unitOf(name string) (unit, bool) {
	rate, isRate := strings.CutSuffix(name, "/s")
	prefixes := [...]string{"", "K", "M", "G", "T", "P", "E"}
	binary, decimal := 1.0, 1.0
	for i, p := range prefixes {
		switch {
		case i > 0 && rate == p+"iB":
			return unit{sizeOr(isRate), binary}, true
		case rate == p+"B" || p == "K" && rate == "kB":
			return unit{sizeOr(isRate), decimal}, true
		case !isRate && i > 0 && (rate == p+"Hz" || p == "K" && rate == "kHz"):
			return unit{"frequency", decimal}, true
		case !isRate && i > 0 && (rate == p+"W" || p == "K" && rate == "kW"):
			return unit{"power", decimal}, true
		}
		binary *= 1024
		decimal *= 1000
	}
	switch name {
	case "Hz":
		return unit{"frequency", 1}, true
	case "W":
		return unit{"power", 1}, true
	case "mW":
		return unit{"power", 1e-3}, true
	}
	return unit{}, false
}

func sizeOr(rate bool) string {
	if rate {
		return "rate"
	}
	return "size"
}

// ParseAttribute reads a value as job specifications write it: a number, which
// may carry a unit, a boolean, else text.
func ParseAttribute(s string) *nomadlike.Attribute {
	number, suffix := splitUnit(s)
	if _, known := unitOf(suffix); known || suffix == "" {
		if i, err := strconv.ParseInt(number, 10, 64); err == nil {
			return &nomadlike.Attribute{Int: &i, Unit: suffix}
		}
		if f, err := strconv.ParseFloat(number, 64); err == nil {
			return &nomadlike.Attribute{Float: &f, Unit: suffix}
		}
	}
	if b, err := strconv.ParseBool(s); err == nil {
		return &nomadlike.Attribute{Bool: &b}
	}
	return &nomadlike.Attribute{String: &s}
}

// splitUnit cuts a value behind its number.
func splitUnit(s string) (number, suffix string) {
	i := strings.LastIndexAny(s, "0123456789.")
	return s[:i+1], strings.TrimSpace(s[i+1:])
}

// Attributes tests two typed values of devices, converting between units; nil
// is a value that is missing. Values that cannot be compared fail, except for
// being unequal.
func (c *Check) Attributes(left, right *nomadlike.Attribute) bool {
	switch c.operand {
	case Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual:
		if left == nil || right == nil {
			return c.operand == NotEqual && left != right
		}
		order, comparable := compareAttributes(left, right)
		switch c.operand {
		case Equal:
			return comparable && order == 0
		case NotEqual:
			return !comparable || order != 0
		case Less:
			return comparable && order < 0
		case LessEqual:
			return comparable && order <= 0
		case Greater:
			return comparable && order > 0
		}
		return comparable && order >= 0
	}
	return c.Values(left.Text(), left != nil, right.Text(), right != nil)
}

// compareAttributes orders two values of one kind; booleans are only equal or
// not.
func compareAttributes(a, b *nomadlike.Attribute) (order int, comparable bool) {
	if x, ok := numberOf(a); ok {
		y, ok := numberOf(b)
		if !ok {
			return 0, false
		}
		if a.Unit == b.Unit {
			return cmp.Compare(x, y), true
		}
		from, known := unitOf(a.Unit)
		to, alsoKnown := unitOf(b.Unit)
		if !known || !alsoKnown || from.measures != to.measures {
			return 0, false
		}
		return cmp.Compare(x*from.factor, y*to.factor), true
	}
	switch {
	case a.String != nil && b.String != nil:
		return strings.Compare(*a.String, *b.String), true
	case a.Bool != nil && b.Bool != nil && *a.Bool == *b.Bool:
		return 0, true
	}
	return 0, false
}

func numberOf(a *nomadlike.Attribute) (float64, bool) {
	switch {
	case a.Int != nil:
		return float64(*a.Int), true
	case a.Float != nil:
		return *a.Float, true
	}
	return 0, false
}
