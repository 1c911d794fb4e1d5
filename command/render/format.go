package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"text/template"
)

// jsonIndent is the indentation of JSON, save where a command has its own.
const jsonIndent = "    "

// JSON is v, indented.
func JSON(v any) (string, error) { return JSONIndent(v, jsonIndent) }

// JSONIndent is v, indented by a text of choice. Markup characters stay as
// they are.
func JSONIndent(v any, indent string) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return "", fmt.Errorf("encoding as JSON: %w", err)
	}
	return strings.TrimRight(b.String(), "\n"), nil
}

// Template is v through a Go template.
func Template(text string, v any) (string, error) {
	t, err := template.New("format").Parse(text)
	if err != nil {
		return "", fmt.Errorf("the template is not valid: %w", err)
	}
	var b strings.Builder
	if err := t.Execute(&b, v); err != nil {
		return "", fmt.Errorf("the template does not fit what it is shown: %w", err)
	}
	return b.String(), nil
}
