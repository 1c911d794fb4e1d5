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
	printWarnings(c, job.WarningText(reply.Warnings))
	if len(reply.ValidationErrors) == 0 && reply.Error == "" {
		c.Info("Job validation successful")
		return nil
	}
	c.Error("Job validation errors:\n" + refusalText(job, reply))
	return meta.Exit(exitFailed)
}

// refusalText tells all that is wrong with a job, with where in its file it is
// where the server says enough for that.
func refusalText(job *jobfile.Job, reply nl.JobValidateResponse) string {
	if text := job.Refusal(reply.Problems); text != "" {
		return "\n" + text
	}
	if len(reply.ValidationErrors) == 0 {
		return reply.Error
	}
	lines := make([]string, len(reply.ValidationErrors))
	for i, e := range reply.ValidationErrors {
		lines[i] = "* " + strings.TrimSpace(e)
	}
	return strings.Join(lines, "\n")
}

// explainRefusal asks the server that refused a job what is wrong with it, so
// that it can be shown where in the file. Whatever validation does not find is
// told as it was answered.
func explainRefusal(ctx context.Context, client *apiclient.Client, job *jobfile.Job, refused error) error {
	if !strings.Contains(refused.Error(), " occurred:") {
		return refused
	}
	request := struct{ Job spec.Document }{job.Doc}
	reply, _, err := apiclient.Put[nl.JobValidateResponse](ctx, client, "/v1/validate/job", request, nil)
	if err != nil || len(reply.Problems) == 0 {
		return refused
	}
	return errors.New("the job is not valid\n" + refusalText(job, reply))
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
		reply.Error, reply.ValidationErrors, reply.Problems = err.Error(), admit.Errors(err), admit.Located(err)
	}
	return reply, nil
}
