package meta

import (
	"context"
	"time"

	"github.com/posener/complete"

	"github.com/nomadlike/nomadlike/command/apiclient"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// predictTimeout bounds a look-up made while someone types.
const predictTimeout = 2 * time.Second

// Predict completes with the IDs that an agent finds in a context of search,
// such as jobs, allocs, nodes, evals, deployment, namespaces.
func Predict(searchContext string) func(*Call) complete.Predictor {
	return func(c *Call) complete.Predictor {
		return complete.PredictFunc(func(a complete.Args) []string {
			client, err := c.Client()
			if err != nil {
				return nil
			}
			ctx, cancel := context.WithTimeout(context.Background(), predictTimeout)
			defer cancel()
			found, err := Search(ctx, client, a.Last, searchContext)
			if err != nil {
				return nil
			}
			return found.Matches[searchContext]
		})
	}
}

// Search looks for IDs that start with prefix, in one context or in "all".
func Search(ctx context.Context, client *apiclient.Client, prefix, searchContext string) (nl.SearchResponse, error) {
	request := struct{ Prefix, Context string }{prefix, searchContext}
	found, _, err := apiclient.Post[nl.SearchResponse](ctx, client, "/v1/search", request, nil)
	return found, err
}

// PredictFiles completes with files that match a pattern.
func PredictFiles(pattern string) func(*Call) complete.Predictor {
	return func(*Call) complete.Predictor { return complete.PredictFiles(pattern) }
}
