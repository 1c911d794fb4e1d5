package meta

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/posener/complete"
)

// Flags are the flags of one command: how they parse, what help says of them
// and how a shell completes them.
type Flags struct {
	set    *flag.FlagSet
	groups []*flagGroup
	output *output
}

// flagGroup is a titled part of the help.
type flagGroup struct {
	title string
	flags []*flagDoc
}

// flagDoc is what help and completion know of a flag.
type flagDoc struct {
	name, value, text string
	boolean           bool
	predict           complete.Predictor
}

func newFlags(name string) *Flags {
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.Usage = func() {}
	return &Flags{set: set}
}

func (f *Flags) group(title string) { f.groups = append(f.groups, &flagGroup{title: title}) }

func (f *Flags) doc(name, value, text string, boolean bool) *flagDoc {
	d := &flagDoc{name: name, value: value, text: text, boolean: boolean, predict: complete.PredictAnything}
	if boolean {
		d.predict = complete.PredictNothing
	}
	g := f.groups[len(f.groups)-1]
	g.flags = append(g.flags, d)
	return d
}

// Predict sets how a shell completes the value of a flag.
func (f *Flags) Predict(name string, p complete.Predictor) {
	for _, g := range f.groups {
		for _, d := range g.flags {
			if d.name == name {
				d.predict = p
			}
		}
	}
}

// Bool declares a switch.
func (f *Flags) Bool(p *bool, name string, value bool, text string) {
	f.set.BoolVar(p, name, value, "")
	f.doc(name, "", text, true)
}

// Twin declares another spelling of a switch that help does not mention.
func (f *Flags) Twin(p *bool, name string) { f.set.BoolVar(p, name, *p, "") }

// String declares a text. The word value stands for it in help.
func (f *Flags) String(p *string, name, preset, value, text string) {
	f.set.StringVar(p, name, preset, "")
	f.doc(name, value, text, false)
}

// Choice declares a text that is one of a few.
func (f *Flags) Choice(p *string, name, preset string, choices []string, text string) {
	*p = preset
	f.set.Func(name, "", func(s string) error {
		for _, c := range choices {
			if s == c {
				*p = s
				return nil
			}
		}
		return fmt.Errorf("must be one of %s", strings.Join(choices, ", "))
	})
	f.doc(name, strings.Join(choices, "|"), text, false).predict = complete.PredictSet(choices...)
}

// Int declares a whole number.
func (f *Flags) Int(p *int, name string, preset int, value, text string) {
	f.set.IntVar(p, name, preset, "")
	f.doc(name, value, text, false)
}

// Int64 declares a whole number.
func (f *Flags) Int64(p *int64, name string, preset int64, value, text string) {
	f.set.Int64Var(p, name, preset, "")
	f.doc(name, value, text, false)
}

// Uint64 declares a number that is not negative.
func (f *Flags) Uint64(p *uint64, name string, preset uint64, value, text string) {
	f.set.Uint64Var(p, name, preset, "")
	f.doc(name, value, text, false)
}

// Index declares a number that may be left out; *p is nil then.
func (f *Flags) Index(p **uint64, name, value, text string) {
	f.set.Func(name, "", func(s string) error {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			return errors.New("must be a number that is not negative")
		}
		*p = &n
		return nil
	})
	f.doc(name, value, text, false)
}

// Duration declares a duration such as 30s or 1h.
func (f *Flags) Duration(p *time.Duration, name string, preset time.Duration, value, text string) {
	f.set.DurationVar(p, name, preset, "")
	f.doc(name, value, text, false)
}

// Strings declares a text that may be given many times.
func (f *Flags) Strings(p *[]string, name, value, text string) {
	f.set.Func(name, "", func(s string) error {
		*p = append(*p, s)
		return nil
	})
	f.doc(name, value, text, false)
}

// Map declares a key=value that may be given many times.
func (f *Flags) Map(p *map[string]string, name, text string) {
	f.set.Func(name, "", func(s string) error {
		key, value, ok := strings.Cut(s, "=")
		if !ok || key == "" {
			return errors.New("must look like key=value")
		}
		if *p == nil {
			*p = map[string]string{}
		}
		(*p)[key] = value
		return nil
	})
	f.doc(name, "<key>=<value>", text, false)
}

// Verbose declares -verbose.
func (f *Flags) Verbose(p *bool) {
	f.Bool(p, "verbose", false, "Show full IDs, absolute times and more detail.")
}

// UI declares -ui.
func (f *Flags) UI(p *bool) {
	f.Bool(p, "ui", false, "Open the page of the object in the web console.")
}

// Detach declares -detach.
func (f *Flags) Detach(p *bool) {
	f.Bool(p, "detach", false, "Return at once instead of following the evaluation. The ID of the evaluation is printed and can be followed with the eval status command.")
}

// Yes declares -yes and its short form.
func (f *Flags) Yes(p *bool) {
	f.Bool(p, "yes", false, "Answer yes to all questions.")
	f.Twin(p, "y")
}

// Paging declares the flags of lists that come in pages.
func (f *Flags) Paging(perPage *int, token, filter *string) {
	if filter != nil {
		f.String(filter, "filter", "", "<expression>", "Show only what the expression is true for, such as 'Status == \"running\"'.")
	}
	f.Int(perPage, "per-page", 0, "<n>", "How many to show in one page. 0 shows all.")
	f.String(token, "page-token", "", "<token>", "Where to go on: the token that the page before ended with.")
}

// Output declares -json and -t.
func (f *Flags) Output() {
	f.output = &output{}
	f.Bool(&f.output.json, "json", false, "Print as JSON.")
	f.String(&f.output.template, "t", "", "<template>", "Print through a Go template.")
}

// output is how a result is to be printed.
type output struct {
	json     bool
	template string
}
