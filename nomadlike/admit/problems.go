package admit

import (
	"errors"
	"fmt"
	"strings"
)

// Problems is an error made of several.
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

// Errors is the problems that an error of Validate is made of, those of a group
// folded into one; any other error is one problem.
func Errors(err error) []string {
	var r *refusal
	switch {
	case err == nil:
		return nil
	case errors.As(err, &r):
		return texts(r.list)
	}
	return []string{err.Error()}
}

// WarningText joins warnings in the form that clients know; "" when there are
// none.
func WarningText(warnings []string) string {
	if len(warnings) == 0 {
		return ""
	}
	return fmt.Sprintf("%d warning(s):\n\n* %s", len(warnings), strings.Join(warnings, "\n* "))
}
