package outline

import (
	"path"
	"strconv"
	"strings"
)

func (w *writer) task(j *Job, g *Group, t *Task) {
	quote := quoteConfig
	if t.Expr {
		quote = QuoteExpr
	}
	w.block("task "+Quote(t.Name), t.Notes, func() {
		if t.Image == "" {
			w.str("driver", "raw_exec")
		} else {
			w.str("driver", "docker")
		}
		w.str("user", t.User)
		w.flag("leader", t.Leader)
		w.duration("kill_timeout", t.KillTimeout)
		w.str("kill_signal", t.KillSignal)
		if t.Hook != "" {
			w.block("lifecycle", Notes{}, func() {
				w.str("hook", t.Hook)
				w.flag("sidecar", t.Sidecar)
			})
		}
		files := t.files()
		w.block("config", Notes{}, func() {
			if t.Image == "" {
				w.program(t, quote)
				return
			}
			w.configText("image", t.Image)
			w.list("entrypoint", t.Entrypoint, quote)
			w.config(g, t, files, quote)
		})
		w.env(t)
		for _, a := range t.Artifacts {
			w.block("artifact", a.Notes, func() {
				w.str("source", a.Source)
				w.str("destination", a.Destination)
				if a.Whole {
					w.block("options", Notes{}, func() { w.raw("archive", `"false"`) })
				}
			})
		}
		for _, f := range files {
			w.file(j, f)
		}
		w.lookups(j, t)
		for _, m := range t.VolumeMounts {
			w.block("volume_mount", m.Notes, func() {
				w.str("volume", m.Volume)
				w.str("destination", m.Target)
				w.flag("read_only", m.ReadOnly)
			})
		}
		w.resources(t)
	})
}

// program is the configuration of a task that has no image.
func (w *writer) program(t *Task, quote func(string) string) {
	all := append(append([]string{}, t.Entrypoint...), t.Args...)
	if len(all) == 0 {
		all = []string{"/bin/true"}
	}
	w.raw("command", quote(all[0]))
	w.list("args", all[1:], quote)
}

func (w *writer) config(g *Group, t *Task, files []file, quote func(string) string) {
	w.list("args", t.Args, quote)
	w.configText("work_dir", t.WorkDir)
	if g.Mode != "bridge" && g.Mode != "host" {
		w.list("ports", t.PortLabels, Quote)
	}
	if g.Mode == "host" {
		w.str("network_mode", "host")
	}
	for _, a := range t.Attrs {
		w.notes(a.Notes)
		switch v := a.Value.(type) {
		case string:
			w.configText(a.Name, v)
		case int:
			w.raw(a.Name, strconv.Itoa(v))
		case bool:
			w.raw(a.Name, strconv.FormatBool(v))
		case []string:
			w.list(a.Name, v, quoteConfig)
		case map[string]string:
			w.object(a.Name, v)
		}
	}
	w.object("labels", t.Labels)
	if a := t.Auth; a != nil {
		w.block("auth", a.Notes, func() {
			w.configText("username", a.Username)
			w.raw("password", `"${REGISTRY_PASSWORD}"`)
			w.configText("server_address", a.Server)
		})
	}
	binds, notes := t.binds()
	w.notes(notes)
	w.list("volumes", binds, quoteConfig)
	for _, m := range t.Mounts {
		if m.Type == scratch {
			continue
		}
		w.block("mount", m.Notes, func() {
			w.str("type", m.Type)
			if m.Expr {
				w.raw("source", QuoteExpr(m.Source))
			} else {
				w.configText("source", m.Source)
			}
			w.configText("target", m.Target)
			w.flag("readonly", m.ReadOnly)
			if m.SizeMB > 0 {
				w.block("tmpfs_options", Notes{}, func() { w.raw("size", strconv.Itoa(m.SizeMB<<20)) })
			}
		})
	}
	for _, f := range files {
		w.block("mount", Notes{}, func() {
			w.str("type", "bind")
			w.configText("source", f.destination)
			w.configText("target", f.Path)
			w.flag("readonly", true)
		})
	}
}

func (w *writer) env(t *Task) {
	var plain []*Env
	quoted := false
	for _, e := range t.Env {
		if e.Secret == "" && e.template == "" {
			plain = append(plain, e)
			quoted = quoted || strings.HasPrefix(Key(e.Name), `"`)
		}
	}
	if len(plain) == 0 {
		return
	}
	header := "env"
	if quoted {
		header = "env =" // a block cannot hold names that are no identifiers
	}
	w.block(header, Notes{}, func() {
		for _, e := range plain {
			w.notes(e.Notes)
			if e.Expr {
				w.raw(Key(e.Name), QuoteExpr(e.Value))
				continue
			}
			w.raw(Key(e.Name), Quote(e.Value))
		}
	})
}

// file is a template with the place that it is written to.
type file struct {
	*Template
	destination string
}

func (t *Task) files() []file {
	taken := map[string]bool{}
	out := make([]file, 0, len(t.Templates))
	for _, f := range t.Templates {
		dir := "local"
		if f.Secret != "" {
			dir = "secrets"
		}
		base := path.Base(path.Clean("/" + f.Path))
		if base == "/" || base == "." {
			base = "file"
		}
		name := dir + "/" + base
		if taken[name] {
			name = dir + "/" + clean(f.Path, '-') + path.Ext(base)
		}
		out = append(out, file{Template: f, destination: Unique(taken, name)})
	}
	return out
}

func (w *writer) file(j *Job, f file) {
	w.block("template", f.Notes, func() {
		w.raw("destination", Quote(f.destination))
		w.str("perms", f.Perms)
		if f.Secret != "" {
			w.raw("data", Quote(`{{ with nomadVar "`+j.Path()+`" }}{{ .`+f.Secret+` }}{{ end }}`))
			return
		}
		if strings.Contains(f.Data, "{{") {
			left, right := delimiters(f.Data)
			w.comment("The file has braces of its own.")
			w.raw("left_delimiter", Quote(left))
			w.raw("right_delimiter", Quote(right))
		}
		w.heredoc("data", f.Data)
	})
}

// delimiters are a pair that the text does not have.
func delimiters(text string) (left, right string) {
	left, right = "[[", "]]"
	for strings.Contains(text, left) {
		left, right = left+"[", right+"]"
	}
	return left, right
}

// lookups writes the variables that are known only in the cluster.
func (w *writer) lookups(j *Job, t *Task) {
	var secrets, addresses strings.Builder
	var ofSecrets, ofAddresses Notes
	private := false // there are passwords among the addresses
	for _, e := range t.Env {
		switch {
		case e.Secret != "":
			secrets.WriteString(e.Name + "={{ ." + e.Secret + ".Value | toJSON }}\n")
			ofSecrets.List = append(ofSecrets.List, e.Notes.List...)
		case e.template != "":
			ofAddresses.List = append(ofAddresses.List, e.Notes.List...)
			addresses.WriteString(e.Name + "=" + quoteEnv(e.template) + "\n")
			private = private || e.password != ""
		}
	}
	if t.Auth != nil {
		secrets.WriteString("REGISTRY_PASSWORD={{ ." + registryItem + ".Value | toJSON }}\n")
	}
	if secrets.Len() > 0 {
		w.block("template", ofSecrets, func() {
			w.raw("destination", `"secrets/secrets.env"`)
			w.raw("env", "true")
			w.heredoc("data", "{{ with nomadVar \""+j.Path()+"\" }}\n"+secrets.String()+"{{ end }}\n")
		})
	}
	if addresses.Len() > 0 {
		w.block("template", ofAddresses, func() {
			if private {
				w.raw("destination", `"secrets/addresses.env"`)
			} else {
				w.raw("destination", `"local/addresses.env"`)
			}
			w.raw("env", "true")
			w.heredoc("data", addresses.String())
		})
	}
}

// quoteEnv quotes a value of an env file when it has to be.
func quoteEnv(text string) string {
	if strings.ContainsAny(text, "#'\\") || strings.TrimSpace(text) != text {
		return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
	}
	return text
}

func (w *writer) resources(t *Task) {
	if t.CPU == 0 && t.MemoryMB == 0 && t.MemoryMaxMB == 0 && len(t.Devices) == 0 {
		return
	}
	w.block("resources", Notes{}, func() {
		w.num("cpu", t.CPU)
		w.num("memory", t.MemoryMB)
		if t.MemoryMaxMB > t.MemoryMB {
			w.num("memory_max", t.MemoryMaxMB)
		}
		for _, d := range t.Devices {
			w.block("device "+Quote(d.Name), d.Notes, func() {
				if d.Count != 1 {
					w.num("count", d.Count)
				}
			})
		}
	})
}
