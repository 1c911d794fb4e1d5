package outline

import (
	"regexp"
	"strings"
)

// secretive finds names of variables that hold secrets as a rule.
var secretive = regexp.MustCompile(`(?i)(passw(or)?d|passphrase|secret|token|api_?key|access_?key|private_?key|credential|(^|_)pw$)`)

// about finds names that tell something about a secret, not the secret itself.
var about = regexp.MustCompile(`(?i)_(FILE|PATH|DIR|URL|URI|HOST|PORT|TTL|EXPIRY|EXPIRES?(_IN)?|LENGTH|NAME|USER|ENABLED|TYPE|ISSUER|ALGORITHM)$`)

// inside finds a secret within a value, as in the connection strings of
// databases and queues.
var inside = regexp.MustCompile(`(?i)(^|[;,&?\s])(password|pwd|accountkey|sharedaccesskey|secret|client_secret)=[^;,&\s]{3,}`)

// Sensitive tells whether a variable seems to hold a secret in plain sight.
func Sensitive(name, value string) bool {
	if inside.MatchString(value) {
		return true
	}
	return len(value) >= 3 && secretive.MatchString(name) && !about.MatchString(name) && !strings.HasPrefix(value, "/") &&
		value != "true" && value != "false"
}

// HideSecrets takes secrets that the source has in plain sight out of the
// variables and the command of a task: they become items of the job's variable
// in the cluster.
func (t *Task) HideSecrets() {
	for _, e := range t.Env {
		if e.Secret == "" && !e.Expr && Sensitive(e.Name, e.Value) && EnvName.MatchString(e.Name) {
			e.Secret, e.hidden, e.Value = Label(strings.ToLower(e.Name), "item"), e.Value, ""
			e.Check("%s stood in the file as plain text", e.Name)
		}
	}
	t.hideOptions(t.Entrypoint)
	t.hideOptions(t.Args)
}

// option finds an option of a command that gives a secret. Its value follows
// after an equals sign or is the next argument.
var (
	option      = regexp.MustCompile(`(?i)(^|\s)(--?[\w-]*(?:passw(?:or)?d|requirepass|passphrase|secret|token|api-?key)[\w-]*)=([^\s"'$]+)`)
	optionAlone = regexp.MustCompile(`(?i)^--?[\w-]*(?:passw(?:or)?d|requirepass|passphrase|secret|token|api-?key)$`)
)

func (t *Task) hideOptions(list []string) {
	for i, arg := range list {
		if i > 0 && optionAlone.MatchString(list[i-1]) && arg != "" && !strings.ContainsAny(arg[:1], "-$") {
			t.interpolate()
			list[i] = "${" + t.hideOption(list[i-1], arg) + "}"
			continue
		}
		if !option.MatchString(arg) {
			continue
		}
		t.interpolate()
		list[i] = option.ReplaceAllStringFunc(list[i], func(found string) string {
			m := option.FindStringSubmatch(found)
			if about.MatchString(strings.ReplaceAll(m[2], "-", "_")) {
				return found
			}
			return m[1] + m[2] + "=${" + t.hideOption(m[2], m[3]) + "}"
		})
	}
}

// interpolate makes ${...} in the command mean something.
func (t *Task) interpolate() {
	if t.Expr {
		return
	}
	t.Expr = true
	for _, list := range [][]string{t.Entrypoint, t.Args} {
		for i := range list {
			list[i] = Literal(list[i])
		}
	}
}

// hideOption gives the variable that takes the place of a value.
func (t *Task) hideOption(name, value string) string {
	env := strings.ToUpper(Label(strings.TrimLeft(name, "-"), "item"))
	for _, e := range t.Env {
		if e.Name == env {
			return env
		}
	}
	e := &Env{Name: env, Secret: strings.ToLower(env), hidden: value}
	e.Check("the option %s stood in the file as plain text", name)
	t.Env = append(t.Env, e)
	return env
}

// login finds the password of an address, as in postgres://user:password@host.
var login = regexp.MustCompile(`(://[^/\s:@{}]*:)([^/\s@{}]+)@`)

// settle gives every secret of the job an item of its own: variables that have
// one name and different values are told apart by their task.
func (j *Job) settle() {
	values := map[string]string{}
	free := func(t *Task, item, value string) string {
		if old, ok := values[item]; ok && old != value {
			item = Label(t.Name+"_"+item, "item")
		}
		values[item] = value
		return item
	}
	for _, g := range j.Groups {
		for _, t := range g.Tasks {
			for _, e := range t.Env {
				if e.Secret != "" && e.hidden != "" {
					e.Secret = free(t, e.Secret, e.hidden)
				}
				e.hideLogin(j, func(value string) string { return free(t, Label(strings.ToLower(e.Name)+"_password", "item"), value) })
			}
		}
	}
}

// hideLogin makes a template of a variable whose value has a password in it.
func (e *Env) hideLogin(j *Job, item func(string) string) {
	text := e.Value
	if e.template != "" {
		text = e.template
	}
	m := login.FindStringSubmatch(text)
	if m == nil || e.Expr || e.Secret != "" || !EnvName.MatchString(e.Name) || strings.ContainsAny(text, "\n\r") {
		return
	}
	if e.template == "" && strings.Contains(text, "{{") {
		return
	}
	e.password = item(m[2])
	e.template = strings.Replace(text, m[0], m[1]+`{{ with nomadVar "`+j.Path()+`" }}{{ .`+e.password+` }}{{ end }}@`, 1)
	e.Check("the password in %s stood in the file as plain text; store it as it stood there", e.Name)
}
