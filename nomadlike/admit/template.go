package admit

import (
	"path"
	"strconv"

	"github.com/nomadlike/nomadlike/nomadlike"
)

func checkTemplates(p findings, t *nomadlike.Task) {
	destinations := map[string]int{}
	for i, tmpl := range t.Templates {
		at := p.element("Templates", i, "", "")
		inner := at.apart()
		checkTemplate(inner, tmpl)
		p.fold("Template "+strconv.Itoa(i+1), inner)
		if tmpl.DestPath == "" {
			continue
		}
		dest := path.Clean(tmpl.DestPath)
		if other, ok := destinations[dest]; ok {
			at.addf("DestPath", "Template %d has same destination as %d", i+1, other)
		}
		destinations[dest] = i + 1
	}
}

func checkTemplate(p findings, t *nomadlike.Template) {
	if t.SourcePath == "" && t.EmbeddedTmpl == "" {
		p.addf("", "Must specify a source path or have an embedded template")
	}
	switch {
	case t.DestPath == "":
		p.addf("DestPath", "Must specify a destination for the template")
	case escapes("task", t.DestPath):
		p.addf("DestPath", "template destination escapes allocation directory: %q", t.DestPath)
	}
	switch t.ChangeMode {
	case "noop", "restart":
	case "signal":
		if t.ChangeSignal == "" {
			p.addf("ChangeSignal", "Must specify signal value when change mode is signal")
		}
		if t.Envvars {
			p.addf("ChangeMode", "cannot use signals with env var templates")
		}
	case "script":
		if t.ChangeScript == nil || t.ChangeScript.Command == "" {
			p.addf("ChangeScript", "must specify change script configuration value when change mode is script")
		}
	default:
		p.oneOf("ChangeMode", t.ChangeMode, []string{"noop", "restart", "signal", "script"}, "Invalid change mode given:")
	}
	if t.Splay < 0 {
		p.addf("Splay", "Must specify positive splay value")
	}
	if t.Perms != "" {
		if _, err := strconv.ParseUint(t.Perms, 8, 12); err != nil {
			p.addf("Perms", "Failed to parse %q as octal: %v", t.Perms, err)
		}
	}
	if w := t.Wait; w != nil {
		if w.Min != nil && *w.Min < 0 || w.Max != nil && *w.Max < 0 {
			p.addf("Wait", "wait times must not be negative")
		}
		if w.Min != nil && w.Max != nil && *w.Min > *w.Max {
			p.addf("Wait/Min", "wait min %v is greater than max %v", *w.Min, *w.Max)
		}
	}
}
