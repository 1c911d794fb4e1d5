package meta

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"strings"

	"github.com/mitchellh/cli"
	"github.com/posener/complete"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/render"
)

// AnyArgs as the most arguments of a verb means that there is no limit.
const AnyArgs = -1

// exitError is what a failed command exits with unless it says otherwise.
const exitError = 1

// Verb is one command, as data. It implements the interfaces of package cli.
// A factory makes a new one for each use, since its flags hold values.
type Verb struct {
	Meta     *Meta
	Name     string // "job stop"
	Aliases  []string
	Args     string // "<job> [<job>...]", for the usage line
	MinArgs  int
	MaxArgs  int    // AnyArgs: no limit
	Summary  string // one line
	Text     string // paragraphs
	Examples []Example
	// Local commands call no agent and have no flags for one.
	Local bool
	Flags func(f *Flags)
	// Predict completes arguments; nil completes nothing.
	Predict func(c *Call) complete.Predictor
	// PassThrough is for commands whose arguments are another program's
	// command line: a help flag among them is not ours.
	PassThrough bool
	// ErrorCode is what errors exit with; 0 is 1.
	ErrorCode int
	Do        func(ctx context.Context, c *Call) error
}

// Example is a command line and what it is for.
type Example struct{ Text, Line string }

// Exit is an error that only sets the exit code: everything was said already.
type Exit int

func (e Exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// UsageError is a wrong use of a command.
type UsageError struct{ Text string }

func (e *UsageError) Error() string { return e.Text }

// Usagef makes a UsageError.
func Usagef(format string, args ...any) error {
	return &UsageError{Text: fmt.Sprintf(format, args...)}
}

// Factory wraps a constructor of verbs for package cli.
func Factory(m *Meta, verb func(*Meta) *Verb) cli.CommandFactory {
	return func() (cli.Command, error) {
		v := verb(m)
		v.Meta = m
		return v, nil
	}
}

// Call is one use of a command.
type Call struct {
	*Meta
	Args []string
	Raw  []string // arguments and flags as they were given

	verb   *Verb
	flags  *Flags
	agent  agentFlags
	client *apiclient.Client
}

func (v *Verb) newCall() *Call {
	c := &Call{Meta: v.Meta, verb: v, flags: newFlags(v.Name)}
	if v.Local {
		c.flags.group("General Options")
		c.agent.declareLocal(c.flags)
	} else {
		c.flags.group("General Options")
		c.agent.declare(c.flags)
	}
	c.flags.group("Options")
	if v.Flags != nil {
		v.Flags(c.flags)
	}
	return c
}

// Synopsis implements cli.Command.
func (v *Verb) Synopsis() string { return v.Summary }

// parseAndDo is Run without exit codes.
func (v *Verb) parseAndDo(ctx context.Context, args []string) error {
	c := v.newCall()
	c.Raw = args
	if err := c.flags.set.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			v.Meta.Print(v.Help())
			return nil
		}
		// The help is long: what is wrong comes last, where it is seen.
		fmt.Fprintf(v.Meta.Err, "%s\n\n", v.Help())
		v.Meta.Error(flagError(err))
		return Exit(v.errorCode())
	}
	c.Args = c.flags.set.Args()
	if err := v.checkArgs(c.Args); err != nil {
		return err
	}
	if o := c.flags.output; o != nil && o.json && o.template != "" {
		return Usagef("-json and -t exclude each other")
	}
	err := v.Do(ctx, c)
	if c.client != nil {
		c.client.Close()
	}
	return err
}

func flagError(err error) string {
	text := err.Error()
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: "); ok {
		return fmt.Sprintf("There is no flag %s.", name)
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

func (v *Verb) checkArgs(args []string) error {
	wanted := "takes no arguments"
	if v.Args != "" {
		wanted = "takes " + v.Args
	}
	for i, arg := range args {
		if i > 0 && i >= v.MinArgs && strings.HasPrefix(arg, "-") && len(arg) > 1 && v.MaxArgs != AnyArgs && len(args) > v.MaxArgs {
			return Usagef("%s must stand before the arguments: this command %s", arg, wanted)
		}
	}
	if len(args) < v.MinArgs || (v.MaxArgs != AnyArgs && len(args) > v.MaxArgs) {
		return Usagef("This command %s", wanted)
	}
	return nil
}

// Run implements cli.Command.
func (v *Verb) Run(args []string) int {
	err := v.parseAndDo(context.Background(), args)
	if err == nil {
		return 0
	}
	return v.fail(err)
}

// fail tells an error and gives the exit code.
func (v *Verb) fail(err error) int {
	var exit Exit
	if errors.As(err, &exit) {
		return int(exit)
	}
	m := v.Meta
	var usage *UsageError
	if errors.As(err, &usage) {
		m.Error(usage.Text)
		m.Error(fmt.Sprintf("For usage: %s %s -help", Binary, v.Name))
		return v.errorCode()
	}
	m.Error(capital(err.Error()))
	var unreachable *apiclient.UnreachableError
	switch {
	case errors.As(err, &unreachable):
		m.Error("Start an agent, or say where one is with -address or NOMAD_ADDR.")
	case apiclient.CodeOf(err) == http.StatusForbidden:
		m.Error("Say who you are with -token or NOMAD_TOKEN, and check what the token may do.")
	}
	return v.errorCode()
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func (v *Verb) errorCode() int {
	if v.ErrorCode != 0 {
		return v.ErrorCode
	}
	return exitError
}

// AutocompleteFlags implements cli.CommandAutocomplete.
func (v *Verb) AutocompleteFlags() complete.Flags {
	out := complete.Flags{}
	for _, g := range v.newCall().flags.groups {
		for _, d := range g.flags {
			out["-"+d.name] = d.predict
		}
	}
	return out
}

// AutocompleteArgs implements cli.CommandAutocomplete.
func (v *Verb) AutocompleteArgs() complete.Predictor {
	if v.Predict == nil {
		return complete.PredictNothing
	}
	return v.Predict(v.newCall())
}

// FlagCount is how many of the arguments come before the first that is not a
// flag or the value of one.
func (v *Verb) FlagCount(args []string) int {
	set := v.newCall().flags.set
	if set.Parse(args) != nil {
		return len(args)
	}
	return len(args) - set.NArg()
}

// Structured tells whether -json or -t was given.
func (c *Call) Structured() bool {
	o := c.flags.output
	return o != nil && (o.json || o.template != "")
}

// PrintStructured prints v as -json or -t ask, and reports whether they did.
func (c *Call) PrintStructured(v any) (bool, error) {
	o := c.flags.output
	if o == nil || !c.Structured() {
		return false, nil
	}
	text, err := "", error(nil)
	if o.json {
		text, err = render.JSON(v)
	} else {
		text, err = render.Template(o.template, v)
	}
	if err != nil {
		return true, err
	}
	c.Print(text)
	return true, nil
}
