package volume

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/specfile"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

var (
	//go:embed example/host.volume.hcl
	exampleHost string
	//go:embed example/csi.volume.hcl
	exampleCSI string
)

func initialize(*meta.Meta) *meta.Verb {
	var kind string
	var asJSON bool
	return &meta.Verb{
		Name: "volume init", Args: "[<file>]", MaxArgs: 1, Local: true,
		Summary: "Write an example of a volume file",
		Text:    "Writes a file that the volume create and register commands take, to be changed to what is wanted. A file that exists is left alone.",
		Examples: []meta.Example{
			{Text: "Write volume.hcl for a host volume", Line: meta.Binary + " volume init -type host"},
		},
		Flags: func(fl *meta.Flags) {
			fl.Choice(&kind, "type", nl.VolumeTypeCSI, []string{nl.VolumeTypeCSI, nl.VolumeTypeHost}, "The type of the volume. Default: csi.")
			fl.Bool(&asJSON, "json", false, "Write JSON.")
		},
		Predict: meta.PredictFiles("*"),
		Do: func(_ context.Context, c *meta.Call) error {
			path, text := "volume.hcl", exampleCSI
			if kind == nl.VolumeTypeHost {
				text = exampleHost
			}
			if asJSON {
				path = "volume.json"
				var err error
				if text, err = exampleJSON(kind); err != nil {
					return err
				}
			}
			if len(c.Args) > 0 {
				path = c.Args[0]
			}
			if err := specfile.Create(path, text); err != nil {
				return err
			}
			c.Printf("Example volume specification written to %s", path)
			return nil
		},
	}
}

// exampleJSON is a small example in the JSON of the API.
func exampleJSON(kind string) (string, error) {
	capability := []map[string]string{{"AccessMode": nl.AccessWriter, "AttachmentMode": nl.AttachFileSystem}}
	v := map[string]any{"Type": kind, "Name": "data", "RequestedCapabilities": capability}
	if kind == nl.VolumeTypeHost {
		v["PluginID"], v["Parameters"] = "mkdir", map[string]string{"mode": "0700"}
	} else {
		v["ID"], v["PluginID"], v["ExternalID"] = "data", "plugin", "vol-0123456789"
	}
	text, err := json.MarshalIndent(v, "", "  ")
	return string(text) + "\n", err
}

func create(*meta.Meta) *meta.Verb {
	return writer("volume create", "Create a volume",
		"Has a node (type host) or a CSI plugin (type csi) make the volume that a file describes; \"-\" reads standard input.", "create", "/create")
}

func register(*meta.Meta) *meta.Verb {
	return writer("volume register", "Register a volume that exists",
		"Lets jobs use a volume that exists: a directory of a node (type host), or a volume of a storage system (type csi). \"-\" reads standard input.", "register", "")
}

// writer is a command that sends a file to one of two routes.
func writer(name, summary, text, hostVerb, csiVerb string) *meta.Verb {
	var id string
	return &meta.Verb{
		Name: name, Args: "<file>", MinArgs: 1, MaxArgs: 1, Summary: summary, Text: text,
		Examples: []meta.Example{{Text: "From a file", Line: meta.Binary + " " + name + " volume.hcl"}},
		Flags: func(fl *meta.Flags) {
			fl.String(&id, "id", "", "<volume>", "Change the host volume with this ID instead of making another.")
		},
		Predict: meta.PredictFiles("*"),
		Do: func(ctx context.Context, c *meta.Call) error {
			w, err := read(c.Args[0], c.In)
			if err != nil {
				return err
			}
			client, err := c.Client()
			if err != nil {
				return err
			}
			if w.csi != nil {
				body := map[string]any{"Volumes": []*nl.CSIVolume{w.csi}}
				if _, err := client.Call(ctx, http.MethodPut, csiPath(w.csi.ID)+csiVerb, body, nil, nil); err != nil {
					return fmt.Errorf("%s %q: %w", hostVerb, w.csi.ID, err)
				}
				c.Printf("Volume %q registered", w.csi.ID)
				return nil
			}
			if id != "" {
				w.host.ID = id
			}
			var reply struct {
				Volume   *nl.HostVolume
				Warnings string
			}
			if _, err := client.Call(ctx, http.MethodPut, hostPath(hostVerb), map[string]any{"Volume": w.host}, &reply, nil); err != nil {
				return fmt.Errorf("%s volume %q: %w", hostVerb, w.host.Name, err)
			}
			if reply.Warnings != "" {
				c.Warn(reply.Warnings)
			}
			done := map[string]string{"create": "Created", "register": "Registered"}[hostVerb]
			if w.host.ID != "" {
				done = "Changed"
			}
			c.Printf("%s host volume %s with ID %s on node %s", done, reply.Volume.Name, reply.Volume.ID, reply.Volume.NodeID)
			return nil
		},
	}
}
