// Package source reads the YAML and JSON that other schedulers write, within
// bounds that hostile files meet early, and accounts for every field in it: what
// no rule of an importer knows becomes a comment in the job file. The readers of
// the importer call it. It knows no ecosystem and opens no file.
package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	node "go.yaml.in/yaml/v4"
	"sigs.k8s.io/yaml"
)

// Bounds of one import. They leave room for the largest files that people keep,
// and stop those that are made to be costly.
const (
	// documentsMax bounds the YAML documents of one file.
	documentsMax = 2000
	// depthMax bounds values within values.
	depthMax = 100
	// nodesMax bounds the values of one document, counted as if each alias were
	// written out.
	nodesMax = 200_000
)

// Tree is one document of a file.
type Tree struct {
	// Value is the document as maps, lists and scalars, with aliases and merges
	// resolved; nil for a document without content.
	Value any
	body  []byte
	root  *node.Node
	line  int // lines of the file before the document
}

// Error is a problem at a line of a file, counted from 1; line 0 is the file as
// a whole.
type Error struct {
	Line int
	Text string
}

func (e *Error) Error() string { return e.Text }

// Parse reads all documents of a file.
func Parse(body []byte) ([]*Tree, error) {
	trees, err := Inspect(body)
	if err != nil {
		return nil, err
	}
	for _, t := range trees {
		raw, err := yaml.YAMLToJSON(t.body)
		if err != nil {
			return nil, t.wrap(err)
		}
		t.body = raw
		if err := json.Unmarshal(raw, &t.Value); err != nil {
			return nil, t.wrap(err)
		}
	}
	return slices.DeleteFunc(trees, func(t *Tree) bool { return t.Value == nil }), nil
}

// Inspect only holds the documents of a file to the bounds, and leaves their
// values to another reader.
func Inspect(body []byte) ([]*Tree, error) {
	parts := bytes.Split(body, []byte("\n---"))
	if len(parts) > documentsMax {
		return nil, &Error{Text: fmt.Sprintf("it has more than %d documents; import it in parts", documentsMax)}
	}
	var trees []*Tree
	before := 0
	for i, part := range parts {
		if i > 0 {
			// What follows the marker on its line belongs to the document.
			part = bytes.TrimPrefix(part, []byte("-"))
		}
		t, err := parse(part, before)
		if err != nil {
			return nil, err
		}
		if t != nil {
			trees = append(trees, t)
		}
		before += bytes.Count(part, []byte("\n")) + 1
	}
	return trees, nil
}

// One reads a file that holds one document.
func One(body []byte) (*Tree, error) {
	trees, err := Parse(body)
	if err != nil {
		return nil, err
	}
	if len(trees) != 1 {
		return nil, &Error{Text: fmt.Sprintf("it has %d documents, and files of this kind have one", len(trees))}
	}
	return trees[0], nil
}

func parse(body []byte, before int) (*Tree, error) {
	t := &Tree{body: body, line: before, root: &node.Node{}}
	if err := nesting(body); err != nil {
		return nil, &Error{Line: before + 1, Text: err.Error()}
	}
	if err := node.Unmarshal(body, t.root); err != nil {
		return nil, t.wrap(err)
	}
	if t.root.Kind == 0 {
		return nil, nil
	}
	c := counter{sizes: map[*node.Node]int{}}
	if _, err := c.count(t.root, 0); err != nil {
		return nil, t.wrap(err)
	}
	return t, nil
}

// nesting refuses flow collections that open deeper than any reader may go,
// before one recurses into them.
func nesting(body []byte) error {
	depth := 0
	for _, c := range body {
		switch c {
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		}
		// Brackets in text count too, so that the bound is wide.
		if depth > 20*depthMax {
			return fmt.Errorf("values lie more than %d deep in each other", depthMax)
		}
	}
	return nil
}

// counter measures a document as if its aliases were written out.
type counter struct {
	sizes map[*node.Node]int // -1 while it is being measured
}

func (c *counter) count(n *node.Node, depth int) (int, error) {
	switch size := c.sizes[n]; {
	case size < 0:
		return 0, &lineError{n.Line, "an alias stands for a value that it is part of"}
	case size > 0:
		return size, nil
	}
	if depth > depthMax {
		return 0, &lineError{n.Line, fmt.Sprintf("values lie more than %d deep in each other", depthMax)}
	}
	if n.Kind == node.MappingNode {
		if twice := repeated(n); twice != nil {
			return 0, &lineError{twice.Line, fmt.Sprintf("%s stands twice in the same map", twice.Value)}
		}
	}
	c.sizes[n] = -1
	total := 1
	children := n.Content
	if n.Alias != nil {
		children = []*node.Node{n.Alias}
	}
	for _, child := range children {
		size, err := c.count(child, depth+1)
		if err != nil {
			return 0, err
		}
		if total += size; total > nodesMax {
			return 0, &lineError{n.Line, fmt.Sprintf("it holds more than %d values with its aliases written out; import it in parts", nodesMax)}
		}
	}
	c.sizes[n] = total
	return total, nil
}

// repeated gives a key that a map has twice. Maps may be merged more than once.
func repeated(n *node.Node) *node.Node {
	seen := map[string]bool{}
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != node.ScalarNode || key.Value == "<<" {
			continue
		}
		if seen[key.Value] {
			return key
		}
		seen[key.Value] = true
	}
	return nil
}

// lineError is a problem at a line of a document.
type lineError struct {
	line int
	text string
}

func (e *lineError) Error() string { return e.text }

// position finds the line that the YAML reader names, the last of them when it
// tells where it began as well.
var position = regexp.MustCompile(`(?s)^.*\bline ([0-9]+)(?:, column [0-9]+)?:? `)

// wrap tells a problem of the document at its line of the file.
func (t *Tree) wrap(err error) error {
	var at *lineError
	if errors.As(err, &at) {
		return &Error{Line: t.line + at.line, Text: at.text}
	}
	text := err.Error()
	if m := position.FindStringSubmatch(text); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			return &Error{Line: t.line + n, Text: strings.TrimSpace(text[len(m[0]):])}
		}
	}
	return &Error{Line: t.line + 1, Text: text}
}

// Decode fills a value by its JSON names. A field of a wrong type is told with
// its path and line.
func (t *Tree) Decode(into any) error { return t.DecodeValue(t.body, into) }

// DecodeValue is Decode for JSON that was made of the part of the document at a
// path.
func (t *Tree) DecodeValue(raw []byte, into any, at ...string) error {
	err := json.Unmarshal(raw, into)
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) && wrong.Field != "" {
		path := append(at, strings.Split(wrong.Field, ".")...)
		return &Error{Line: t.Line(path...), Text: fmt.Sprintf("%s: want %s, got %s", show(t.spelled(path)), plainType(wrong.Type.String()), wrong.Value)}
	}
	if err != nil {
		return &Error{Line: t.Line(at...), Text: err.Error()}
	}
	return nil
}

// plainType is a Go type as people call it.
func plainType(goType string) string {
	goType = strings.TrimLeft(goType, "*")
	switch {
	case goType == "string":
		return "text"
	case goType == "bool":
		return "true or false"
	case strings.HasPrefix(goType, "int"), strings.HasPrefix(goType, "uint"), strings.HasPrefix(goType, "float"):
		return "a number"
	case strings.HasPrefix(goType, "[]"):
		return "a list"
	}
	return "a map"
}

// WithoutAnchors is the document, which is a map, without those of its keys
// that only hold a value for aliases to stand for.
func (t *Tree) WithoutAnchors() any {
	m, ok := t.Value.(map[string]any)
	top := t.root
	if top.Kind == node.DocumentNode {
		top = top.Content[0]
	}
	if !ok || top.Kind != node.MappingNode {
		return t.Value
	}
	m = maps.Clone(m)
	for i := 0; i+1 < len(top.Content); i += 2 {
		if top.Content[i+1].Anchor != "" {
			delete(m, top.Content[i].Value)
		}
	}
	return m
}

// Line is the line of a field of the document, or of the innermost part of its
// path that is there. A path may leave out the indices of lists, and then means
// their first element that has the rest.
func (t *Tree) Line(path ...string) int {
	n := t.root
	if n.Kind == node.DocumentNode {
		n = n.Content[0]
	}
	line, _ := locate(n, path, n.Line)
	return t.line + line
}

// spelled is a path with its keys as the document has them, in small or in
// capital letters.
func (t *Tree) spelled(path []string) []string {
	n := t.root
	if n.Kind == node.DocumentNode {
		n = n.Content[0]
	}
	_, found := locate(n, path, n.Line)
	return append(found, path[len(found):]...)
}

// locate gives the line, and that part of the path that was found.
func locate(n *node.Node, path []string, line int) (best int, found []string) {
	if n.Alias != nil {
		n = n.Alias
	}
	if len(path) == 0 {
		return line, nil
	}
	best = line
	below := func(name string, child *node.Node, line int) (int, []string) {
		l, more := locate(child, path[1:], line)
		return l, append([]string{name}, more...)
	}
	switch n.Kind {
	case node.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if strings.EqualFold(n.Content[i].Value, path[0]) {
				return below(n.Content[i].Value, n.Content[i+1], n.Content[i].Line)
			}
		}
	case node.SequenceNode:
		if i, err := strconv.Atoi(path[0]); err == nil && i >= 0 && i < len(n.Content) {
			return below(path[0], n.Content[i], n.Content[i].Line)
		}
		for _, child := range n.Content {
			if l, more := locate(child, path, child.Line); len(more) > len(found) {
				best, found = l, more
			}
		}
	}
	return best, found
}
