package admit

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nomadlike/nomadlike/nomadlike/spell"
)

// Problems is an error made of several: everything that is wrong with a job, in
// the order of the job.
type Problems []string

// Error lists the problems in the form that clients know.
func (p Problems) Error() string {
	var b strings.Builder
	if len(p) == 1 {
		b.WriteString("1 error occurred:\n")
	} else {
		fmt.Fprintf(&b, "%d errors occurred:\n", len(p))
	}
	for _, text := range p {
		b.WriteString("\t* " + text + "\n")
	}
	b.WriteString("\n")
	return b.String()
}

// Errors is the problems that an error of Validate is made of; any other error
// is one problem.
func Errors(err error) []string {
	var p Problems
	switch {
	case err == nil:
		return nil
	case errors.As(err, &p):
		return p
	}
	return []string{err.Error()}
}

// err is the problems as an error; nil when there are none.
func (p Problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return p
}

func (p *Problems) addf(format string, args ...any) {
	*p = append(*p, fmt.Sprintf(format, args...))
}

// oneOf refuses a value that is none of those that are allowed, which the
// problem lists; what the value is for is told first.
func (p *Problems) oneOf(value string, allowed []string, format string, args ...any) {
	if slices.Contains(allowed, value) {
		return
	}
	said := slices.DeleteFunc(slices.Clone(allowed), func(s string) bool { return s == "" })
	p.addf("%s %q; must be one of: %s.%s", fmt.Sprintf(format, args...), value, strings.Join(said, ", "), spell.Hint(value, said))
}

// within folds the problems of a part into one of the whole.
func (p *Problems) within(part string, inner Problems) {
	if len(inner) > 0 {
		*p = append(*p, part+" validation failed: "+inner.Error())
	}
}

// WarningText joins warnings in the form that clients know; "" when there are
// none.
func WarningText(warnings []string) string {
	if len(warnings) == 0 {
		return ""
	}
	return fmt.Sprintf("%d warning(s):\n\n* %s", len(warnings), strings.Join(warnings, "\n* "))
}
