package render

import "strings"

// escape opens a colour sequence of terminals.
const escape = "\x1b["

// Style is a colour or weight of text.
type Style string

// The styles in use.
const (
	Bold        Style = "1"
	Red         Style = "31"
	Green       Style = "32"
	Yellow      Style = "33"
	Blue        Style = "34"
	Cyan        Style = "36"
	LightYellow Style = "93"
	Dim         Style = "2"
)

// Palette colours text, or leaves it alone when colours are off. The zero
// value is off.
type Palette struct{ On bool }

// Paint gives text a style, line by line so that a pager keeps it.
func (p Palette) Paint(style Style, text string) string {
	if !p.On || text == "" || style == "" {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if line != "" {
			lines[i] = escape + string(style) + "m" + line + escape + "0m"
		}
	}
	return strings.Join(lines, "\n")
}

// Bold is a section title.
func (p Palette) Bold(text string) string { return p.Paint(Bold, text) }

// UseColour decides from raw arguments and environment whether to colour:
// disabling wins, then forcing, then whether the output is a terminal.
func UseColour(args []string, getenv func(string) string, terminal bool) bool {
	off, forced := getenv("NOMAD_CLI_NO_COLOR") != "" || getenv("NO_COLOR") != "", getenv("NOMAD_CLI_FORCE_COLOR") != ""
	for _, arg := range args {
		switch strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-") {
		case arg:
			continue
		case "no-color":
			off = true
		case "force-color":
			forced = true
		}
	}
	return !off && (forced || terminal)
}
