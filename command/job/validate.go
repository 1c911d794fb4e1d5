package job

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/jobfile"
	"github.com/nomadlike/nomadlike/command/meta"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/admit"
	"github.com/nomadlike/nomadlike/nomadlike/spec"
)

func validateVerb(*meta.Meta) *meta.Verb {
	var file jobfile.Flags
	return &meta.Verb{
		Name: "job validate", Aliases: []string{"validate"}, Args: "<path>", MinArgs: 1, MaxArgs: 1,
		Summary: "Check a job file without running it",
		Text:    "Checks the syntax and the rules of a job file. An agent is asked when one answers; otherwise the rules are checked here, save the configuration of task drivers.",
		Examples: []meta.Example{
			{Text: "Check a file", Line: "nomadlike job validate web.nomad.hcl"},
			{Text: "Check what a program wrote", Line: "generate-job | nomadlike job validate -"},
		},
		Flags:   file.Declare,
		Predict: meta.PredictFiles("*"),
		Do: func(ctx context.Context, c *meta.Call) error {
			if file.JSON && len(file.Vars)+len(file.VarFiles) > 0 {
				c.Error("A job in JSON has no variables: leave -var and -var-file out")
				return meta.Exit(exitFlags)
			}
			job, err := file.Read(ctx, c.Meta, c.Args[0])
			if err != nil {
				return err
			}
			return validate(ctx, c, job)
		},
	}
}

func validate(ctx context.Context, c *meta.Call, job *jobfile.Job) error {
	client, err := c.Within(job.Text("Region"), job.Text("Namespace"))
	if err != nil {
		return err
	}
	request := struct{ Job spec.Document }{job.Doc}
	reply, _, err := apiclient.Put[nl.JobValidateResponse](ctx, client, "/v1/validate/job", request, nil)
	var unreachable *apiclient.UnreachableError
	switch {
	case errors.As(err, &unreachable):
		c.Warn("No agent answers: the configuration of task drivers is not checked.\n")
		if reply, err = validateHere(job); err != nil {
			return err
		}
	case err != nil:
		return fmt.Errorf("validating job %q: %w", job.Text("ID"), err)
	}
	printWarnings(c, reply.Warnings)
	if len(reply.ValidationErrors) == 0 && reply.Error == "" {
		c.Info("Job validation successful")
		return nil
	}
	text := "Job validation errors:"
	for _, e := range reply.ValidationErrors {
		text += "\n* " + strings.TrimSpace(e)
	}
	if len(reply.ValidationErrors) == 0 {
		text += "\n" + reply.Error
	}
	c.Error(text)
	return meta.Exit(exitFailed)
}

// validateHere applies the rules that need no cluster.
func validateHere(job *jobfile.Job) (nl.JobValidateResponse, error) {
	decoded, err := spec.Register(job.Doc)
	if err != nil {
		return nl.JobValidateResponse{}, err
	}
	settings := admit.Settings{Namespace: &nl.Namespace{Name: decoded.Namespace}}
	warnings := admit.Mutate(decoded, settings)
	more, err := admit.Validate(decoded, settings)
	reply := nl.JobValidateResponse{Warnings: admit.WarningText(append(warnings, more...))}
	if err != nil {
		reply.Error, reply.ValidationErrors = err.Error(), admit.Errors(err)
	}
	return reply, nil
}
