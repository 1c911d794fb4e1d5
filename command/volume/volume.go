// Package volume holds the commands about dynamic host volumes and CSI volumes.
// The root command collects them. They speak HTTP only.
package volume

import (
	"net/url"

	"github.com/mitchellh/cli"

	"github.com/nomadlike/nomadlike/command/meta"
)

// Commands are the commands of this package.
func Commands(m *meta.Meta) map[string]cli.CommandFactory {
	return map[string]cli.CommandFactory{
		"volume": meta.GroupFactory(m, meta.Group{
			Name: "volume", Summary: "Handle volumes",
			Text: "Volumes keep data beyond the life of an allocation: directories that nodes make (type host), and volumes of storage systems (type csi).",
			Examples: []meta.Example{
				{Text: "Write an example file", Line: meta.Binary + " volume init -type host"},
				{Text: "Have a node make the volume", Line: meta.Binary + " volume create volume.hcl"},
				{Text: "List volumes", Line: meta.Binary + " volume status"},
			},
		}),
		"volume init":         meta.Factory(m, initialize),
		"volume create":       meta.Factory(m, create),
		"volume register":     meta.Factory(m, register),
		"volume status":       meta.Factory(m, status),
		"volume delete":       meta.Factory(m, remove),
		"volume deregister":   meta.Factory(m, deregister),
		"volume detach":       meta.Factory(m, detach),
		"volume claim list":   meta.Factory(m, claimList),
		"volume claim delete": meta.Factory(m, claimDelete),
		"volume claim": meta.GroupFactory(m, meta.Group{
			Name: "volume claim", Summary: "Handle claims on host volumes",
			Text: "A group with a sticky host volume claims the volumes that its allocations were placed on, and comes back to them.",
			Examples: []meta.Example{
				{Text: "List claims", Line: meta.Binary + " volume claim list"},
			},
		}),
	}
}

// Routes of the API.
const (
	listPath   = "/v1/volumes"
	claimsPath = "/v1/volumes/claims"
)

func hostPath(id string) string { return "/v1/volume/host/" + url.PathEscape(id) }

func csiPath(id string) string { return "/v1/volume/csi/" + url.PathEscape(id) }
