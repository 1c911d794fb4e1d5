package meta

import (
	"context"
	"fmt"
)

// Deprecated makes an old spelling of a verb, which says what the new one is.
func Deprecated(verb func(*Meta) *Verb, old string) func(*Meta) *Verb {
	return func(m *Meta) *Verb {
		v := verb(m)
		do := v.Do
		v.Do = func(ctx context.Context, c *Call) error {
			c.Warn(fmt.Sprintf("The command %q is deprecated: use %q.", old, v.Name))
			return do(ctx, c)
		}
		return v
	}
}
