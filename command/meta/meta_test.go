package meta

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/posener/complete"

	"github.com/nomadlike/nomadlike/command/apiclient"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func newMeta(stdin string) (*Meta, *bytes.Buffer, *bytes.Buffer) {
	var out, err bytes.Buffer
	return &Meta{
		In: strings.NewReader(stdin), Out: &out, Err: &err,
		Getenv:  func(string) string { return "" },
		Environ: func() []string { return nil },
		Now:     func() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC) },
	}, &out, &err
}

// options are the values of every kind of flag.
type options struct {
	flag, yes      bool
	text, choice   string
	number         int
	big            int64
	count          uint64
	index          *uint64
	wait           time.Duration
	list           []string
	pairs          map[string]string
	maybe          *bool
	maybeWait      *time.Duration
	perPage        int
	token, filter  string
	detach, ui, vb bool
}

func exampleVerb(m *Meta, o *options, do func(*Call) error) *Verb {
	return &Verb{
		Meta: m, Name: "thing poke", Aliases: []string{"poke"}, Args: "<thing> [<other>]", MinArgs: 1, MaxArgs: 2,
		Summary: "Poke a thing", Text: "Pokes.\n\n  as it is", Examples: []Example{{"Poke it", "nomadlike poke x"}},
		Flags: func(f *Flags) {
			f.Bool(&o.flag, "flag", false, "A switch.")
			f.String(&o.text, "text", "", "<text>", "A text.")
			f.Choice(&o.choice, "choice", "a", []string{"a", "b"}, "One of two.")
			f.Int(&o.number, "number", 1, "<n>", "A number.")
			f.Int64(&o.big, "big", 1, "<n>", "A number.")
			f.Uint64(&o.count, "count", 1, "<n>", "A number.")
			f.Index(&o.index, "index", "<n>", "A number.")
			f.Duration(&o.wait, "wait", time.Second, "<d>", "A duration.")
			f.Strings(&o.list, "list", "<text>", "Many.")
			f.Map(&o.pairs, "pair", "Many.")
			f.OptionalBool(&o.maybe, "maybe", "A switch.")
			f.OptionalDuration(&o.maybeWait, "maybe-wait", "<d>", "A duration.")
			f.Paging(&o.perPage, &o.token, &o.filter)
			f.Yes(&o.yes)
			f.Detach(&o.detach)
			f.UI(&o.ui)
			f.Verbose(&o.vb)
			f.Output()
		},
		Do: func(_ context.Context, c *Call) error { return do(c) },
	}
}

func TestVerb_ParsesEveryKindOfFlag(t *testing.T) {
	m, _, errs := newMeta("")
	var o options
	var args []string
	v := exampleVerb(m, &o, func(c *Call) error {
		args = c.Args
		return nil
	})
	code := v.Run([]string{
		"-flag", "--text=x y", "-choice", "b", "-number=-2", "-big=3", "-count=4", "-index=5", "-wait=1m",
		"-list=a", "-list=b", "-pair=k=v=w", "-maybe", "-maybe-wait=2s", "-per-page=6", "-page-token=t", "-filter=f",
		"-y", "-detach", "-ui", "-verbose", "one", "-two",
	})
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	got := fmt.Sprintf("%v %v %v %v %v %v %v %v %v %v %v %v %v %v %v %v %v %v %v %q", o.flag, o.text, o.choice, o.number, o.big, o.count,
		*o.index, o.wait, o.list, o.pairs, *o.maybe, *o.maybeWait, o.perPage, o.token, o.filter, o.yes, o.detach, o.ui, o.vb, args)
	want := `true x y b -2 3 4 5 1m0s [a b] map[k:v=w] true 2s 6 t f true true true true ["one" "-two"]`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestVerb_ExitCodes(t *testing.T) {
	for name, c := range map[string]struct {
		args   []string
		err    error
		code   int // of errors
		want   int
		stderr string
	}{
		"success":         {args: []string{"x"}},
		"error":           {args: []string{"x"}, err: errors.New("broken"), want: 1, stderr: "Broken"},
		"own error code":  {args: []string{"x"}, err: errors.New("broken"), code: 255, want: 255, stderr: "Broken"},
		"exit":            {args: []string{"x"}, err: Exit(42), want: 42},
		"exit inside":     {args: []string{"x"}, err: fmt.Errorf("while: %w", Exit(3)), want: 3},
		"usage":           {args: []string{"x"}, err: Usagef("not so"), want: 1, stderr: "For usage: nomadlike thing poke -help"},
		"too few":         {want: 1, stderr: "This command takes <thing> [<other>]"},
		"too many":        {args: []string{"a", "b", "c"}, want: 1, stderr: "This command takes <thing> [<other>]"},
		"late flag":       {args: []string{"a", "b", "-flag"}, want: 1, stderr: "-flag must stand before the arguments"},
		"unknown flag":    {args: []string{"-nope"}, want: 1, stderr: "There is no flag -nope."},
		"bad number":      {args: []string{"-number=x", "a"}, want: 1, stderr: "-number"},
		"bad choice":      {args: []string{"-choice=x", "a"}, want: 1, stderr: "must be one of a, b"},
		"bad pair":        {args: []string{"-pair=x", "a"}, want: 1, stderr: "must look like key=value"},
		"bad index":       {args: []string{"-index=-1", "a"}, want: 1, stderr: "not negative"},
		"json and t":      {args: []string{"-json", "-t=x", "a"}, want: 1, stderr: "exclude each other"},
		"unreachable":     {args: []string{"x"}, err: &apiclient.UnreachableError{Address: "http://x", Err: errors.New("refused")}, want: 1, stderr: "NOMAD_ADDR"},
		"forbidden":       {args: []string{"x"}, err: &apiclient.StatusError{Code: 403, Body: "Permission denied"}, want: 1, stderr: "NOMAD_TOKEN"},
		"the API's error": {args: []string{"x"}, err: &apiclient.StatusError{Code: 404, Body: "gone"}, want: 1, stderr: "Unexpected response code: 404 (gone)"},
	} {
		m, _, errs := newMeta("")
		v := exampleVerb(m, &options{}, func(*Call) error { return c.err })
		v.ErrorCode = c.code
		if got := v.Run(c.args); got != c.want {
			t.Errorf("%s: exit code %d, want %d", name, got, c.want)
		}
		if !strings.Contains(errs.String(), c.stderr) {
			t.Errorf("%s: stderr %q does not tell %q", name, errs, c.stderr)
		}
	}
}

func TestVerb_Help(t *testing.T) {
	m, out, _ := newMeta("")
	v := exampleVerb(m, &options{}, func(*Call) error { return nil })
	if code := v.Run([]string{"-help"}); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{
		"Usage: nomadlike thing poke [options] <thing> [<other>]\nAlias: nomadlike poke\n\n  Pokes.\n\n    as it is\n",
		"General Options:\n\n  -address=<addr>\n", "Poke Options:\n\n  -flag\n    A switch.\n", "  -choice=a|b\n", "  -pair=<key>=<value>\n",
		"Examples:\n\n  Poke it:\n\n    $ nomadlike poke x",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("help lacks %q:\n%s", want, out)
		}
	}
	for _, hidden := range []string{"-insecure", "  -y\n"} {
		if strings.Contains(out.String(), hidden) {
			t.Errorf("help shows %q", hidden)
		}
	}
	for _, line := range strings.Split(out.String(), "\n") {
		if len(line) > helpWidth+2 {
			t.Errorf("line too long: %q", line)
		}
	}
}

func TestVerb_FlagCount(t *testing.T) {
	m, _, _ := newMeta("")
	v := exampleVerb(m, &options{}, nil)
	for want, args := range [][]string{{"ls", "-h"}, {"-flag", "ls", "-h"}, {"-text", "a", "ls", "-h"}} {
		if got := v.FlagCount(args); got != want {
			t.Errorf("%q: %d, want %d", args, got, want)
		}
	}
}

func TestConfirm(t *testing.T) {
	for _, c := range []struct {
		in   string
		want bool
	}{{"y\n", true}, {"YES\n", true}, {"\n", false}, {"n\n", false}, {"what\ny\n", true}, {"y", true}} {
		m, _, _ := newMeta(c.in)
		if got, err := m.Confirm("Sure?"); err != nil || got != c.want {
			t.Errorf("%q: %v, %v, want %v", c.in, got, err, c.want)
		}
	}
	m, _, _ := newMeta("")
	if _, err := m.Confirm("Sure?"); err == nil {
		t.Error("silence was taken for an answer")
	}
}

func TestEvenPrefix(t *testing.T) {
	for in, want := range map[string]string{"ab": "ab", "abc": "ab", "12345678-": "12345678-", "12345678-9": "12345678-", "12345678-90": "12345678-90"} {
		if got := evenPrefix(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestAgentFlags_WinOverEnvironment(t *testing.T) {
	m, _, _ := newMeta("")
	m.Getenv = func(k string) string {
		return map[string]string{"NOMAD_ADDR": "http://env", "NOMAD_TOKEN": "env", "NOMAD_NAMESPACE": "env", "NOMAD_REGION": "env"}[k]
	}
	v := exampleVerb(m, &options{}, func(c *Call) error {
		config, err := c.ClientConfig()
		got := strings.Join([]string{config.Address, config.Token, config.Namespace, config.Region, c.Namespace()}, " ")
		if err != nil || got != "http://flag env flag env flag" || !config.TLS.SkipVerify {
			t.Errorf("got %q, %+v, %v", got, config.TLS, err)
		}
		return nil
	})
	v.Run([]string{"-address=http://flag", "-namespace=flag", "-insecure", "x"})
}

func TestCompletion(t *testing.T) {
	m, _, _ := newMeta("")
	v := exampleVerb(m, &options{}, nil)
	flags := v.AutocompleteFlags()
	for _, name := range []string{"-address", "-choice", "-json"} {
		if _, ok := flags[name]; !ok {
			t.Errorf("%s is not completed", name)
		}
	}
	if got := flags["-choice"].Predict(completeArgs("")); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("choices: %q", got)
	}
}

func TestChooseJob_TruncatedList(t *testing.T) {
	m, _, _ := newMeta("")
	c := &Call{Meta: m}
	var jobs []*nl.JobStub
	for i := range jobMatchMax {
		jobs = append(jobs, &nl.JobStub{ID: fmt.Sprintf("job-%02d", i)})
	}
	_, err := c.chooseJob(jobs, "job", AnyJob())
	var match *MatchError
	if !errors.As(err, &match) || !strings.Contains(match.Text, "Only the first 20 are shown") {
		t.Errorf("got %v", err)
	}
}

func completeArgs(last string) complete.Args { return complete.Args{Last: last} }
