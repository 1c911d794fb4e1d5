package meta

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/nomadlike/nomadlike/command/apiclient"
)

// Hint tells on stderr where the console shows what was printed, if hints are
// wanted; with open it shows the page itself. It never fails a command.
func (c *Call) Hint(ctx context.Context, description, path string, open bool) {
	if c.Structured() && !open {
		return
	}
	client, err := c.Client()
	if err != nil {
		return
	}
	address := consoleURL(client, path)
	if open {
		fmt.Fprintf(c.Err, "\nOpening %s\n", address)
		if err := c.OpenBrowser(address); err != nil {
			c.Warn(fmt.Sprintf("The page could not be opened: %v.", err))
		}
		return
	}
	if c.wantsHints(ctx, client) {
		fmt.Fprintf(c.Err, "\n==> %s:\n    %s\n", description, address)
	}
}

// ConsolePath joins parts, escaped, to a path of the console.
func ConsolePath(parts ...string) string {
	out := "/ui"
	for _, p := range parts {
		out += "/" + url.PathEscape(p)
	}
	return out
}

func consoleURL(client *apiclient.Client, path string) string {
	base := client.Address()
	if strings.HasPrefix(base, "unix:") {
		base = apiclient.DefaultAddress
	}
	return strings.TrimSuffix(base, "/") + path
}

// wantsHints asks environment and agent: the environment may refuse, the agent
// too unless the environment insists.
func (c *Call) wantsHints(ctx context.Context, client *apiclient.Client) bool {
	local, err := strconv.ParseBool(c.Getenv("NOMAD_CLI_SHOW_HINTS"))
	if err == nil {
		return local
	}
	self, _, err := apiclient.Get[struct {
		Config struct {
			UI *struct{ ShowCLIHints *bool }
		} `json:"config"`
	}](ctx, client, "/v1/agent/self", nil)
	if err != nil || self.Config.UI == nil || self.Config.UI.ShowCLIHints == nil {
		return false
	}
	return *self.Config.UI.ShowCLIHints
}
