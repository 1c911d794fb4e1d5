package operator

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
)

// snapshotPath is the route of snapshots.
const snapshotPath = "/v1/operator/snapshot"

func snapshotSave(*meta.Meta) *meta.Verb {
	var stale bool
	return &meta.Verb{
		Name: "operator snapshot save", Args: "<file>", MinArgs: 1, MaxArgs: 1,
		Summary: "Save the state of the servers to a file",
		Text:    "Saves all that the servers know to a file that operator snapshot restore takes. It holds secrets: only its owner may read it, and it belongs where keys belong.",
		Examples: []meta.Example{
			{Text: "Save the state", Line: meta.Binary + " operator snapshot save backup.snap"},
			{Text: "When there is no leader", Line: meta.Binary + " operator snapshot save -stale backup.snap"},
		},
		Flags: func(fl *meta.Flags) {
			fl.Bool(&stale, "stale", false, "Let the server that is asked answer, whether it leads or not. Its state may be old.")
		},
		Predict: meta.PredictFiles("*"),
		Do: func(ctx context.Context, c *meta.Call) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			resp, err := client.Do(ctx, http.MethodGet, snapshotPath, nil, &apiclient.Query{Stale: stale})
			if err != nil {
				return fmt.Errorf("saving a snapshot: %w", err)
			}
			defer resp.Body.Close()
			size, err := saveVerified(c.Args[0], resp.Body, resp.Header.Get("Digest"))
			if err != nil {
				return fmt.Errorf("saving a snapshot: %w", err)
			}
			c.Printf("State file written to %s (%d bytes)", c.Args[0], size)
			return nil
		},
	}
}

// saveVerified writes what it reads to a file of that name once all of it has
// come and fits its digest; before that the name does not exist.
func saveVerified(path string, from io.Reader, digest string) (size int64, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return 0, fmt.Errorf("creating the file: %w", err)
	}
	defer os.Remove(f.Name()) // gone already when all went well
	defer f.Close()
	sum := sha256.New()
	if size, err = io.Copy(io.MultiWriter(f, sum), from); err != nil {
		return 0, fmt.Errorf("after %d bytes: %w", size, err)
	}
	if want, ok := strings.CutPrefix(digest, "sha-256="); ok {
		if got := base64.StdEncoding.EncodeToString(sum.Sum(nil)); got != want {
			return 0, errors.New("what arrived does not fit its checksum: try again")
		}
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return 0, fmt.Errorf("writing the file: %w", err)
	}
	return size, os.Rename(f.Name(), path)
}

func snapshotRestore(*meta.Meta) *meta.Verb {
	return &meta.Verb{
		Name: "operator snapshot restore", Args: "<file>", MinArgs: 1, MaxArgs: 1,
		Summary: "Replace the state of the servers by a saved one",
		Text: "Replaces all that the servers know by what a snapshot holds. Work that has begun since is forgotten and stopped.\n" +
			"Meant for disasters: a new cluster takes over the state of the one that was lost.",
		Examples: []meta.Example{
			{Text: "Restore the state", Line: meta.Binary + " operator snapshot restore backup.snap"},
		},
		Predict: meta.PredictFiles("*"),
		Do: func(ctx context.Context, c *meta.Call) error {
			f, err := os.Open(c.Args[0])
			if err != nil {
				return fmt.Errorf("opening the snapshot: %w", err)
			}
			defer f.Close()
			client, err := c.Client()
			if err != nil {
				return err
			}
			if _, err := client.Call(ctx, http.MethodPut, snapshotPath, f, nil, nil); err != nil {
				return fmt.Errorf("restoring %s: %w", c.Args[0], err)
			}
			c.Print("Restored snapshot")
			return nil
		},
	}
}
