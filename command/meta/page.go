package meta

import "fmt"

// MorePages tells on stderr how to see the page after the one that was
// printed, if there is one.
func (c *Call) MorePages(token string) {
	if token != "" {
		fmt.Fprintf(c.Err, "\nThere is more. For the next page, add: -page-token %s\n", token)
	}
}
