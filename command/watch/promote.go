package watch

import (
	"context"
	"fmt"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Promote promotes the canaries of some groups of a deployment, of all groups
// when none is named. It returns the evaluation that goes on with it.
func Promote(ctx context.Context, client *apiclient.Client, id string, groups []string) (string, error) {
	request := struct {
		DeploymentID string
		All          bool
		Groups       []string
	}{id, len(groups) == 0, groups}
	reply, _, err := apiclient.Put[nl.DeploymentUpdateResponse](ctx, client, "/v1/deployment/promote/"+id, request, nil)
	if err != nil {
		return "", fmt.Errorf("promoting deployment %q: %w", render.ID(id, false), err)
	}
	return reply.EvalID, nil
}
