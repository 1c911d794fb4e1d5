package operator

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"

	"github.com/nomadlike/nomadlike/command/meta"
)

// gossipKeyBytes is the length of a key: AES-256.
const gossipKeyBytes = 32

func gossipGenerate(*meta.Meta) *meta.Verb {
	return &meta.Verb{
		Name: "operator gossip keyring generate", Summary: "Make a key for gossip", Local: true,
		Text: "Prints a new random key for the encrypt setting of servers. Nothing else is changed.",
		Examples: []meta.Example{
			{Text: "Make a key", Line: meta.Binary + " operator gossip keyring generate"},
		},
		Do: func(_ context.Context, c *meta.Call) error {
			key := make([]byte, gossipKeyBytes)
			if _, err := io.ReadFull(c.Random, key); err != nil {
				return fmt.Errorf("making a random key: %w", err)
			}
			c.Print(base64.StdEncoding.EncodeToString(key))
			return nil
		},
	}
}
