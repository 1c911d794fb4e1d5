package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/agext/levenshtein"
	"github.com/hashicorp/hcl"
	"github.com/hashicorp/hcl/hcl/ast"
	"github.com/hashicorp/hcl/hcl/token"
)

// fileBytesMax bounds a configuration file.
const fileBytesMax = 4 << 20

// Load reads a file, or the *.hcl and *.json files of a directory in order,
// over c. All problems of a file are told at once.
func (c *Config) Load(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("reading configuration: %w", err)
	}
	if !info.IsDir() {
		return c.loadFile(path)
	}
	names, err := configFiles(path)
	if err != nil {
		return err
	}
	var problems []error
	for _, n := range names {
		problems = append(problems, c.loadFile(n))
	}
	return errors.Join(problems...)
}

// configFiles are the files of a directory that are configuration, sorted.
func configFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading configuration directory: %w", err)
	}
	var out []string
	for _, e := range entries {
		n := e.Name()
		temporary := strings.HasSuffix(n, "~") || strings.HasPrefix(n, ".#") || strings.HasPrefix(n, "#") && strings.HasSuffix(n, "#")
		if e.IsDir() || temporary || !strings.HasSuffix(n, ".hcl") && !strings.HasSuffix(n, ".json") {
			continue
		}
		out = append(out, filepath.Join(dir, n))
	}
	sort.Strings(out)
	return out, nil
}

func (c *Config) loadFile(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("reading configuration: %w", err)
	}
	if info.Size() > fileBytesMax {
		return fmt.Errorf("%s: configuration of %d bytes is larger than %d", path, info.Size(), fileBytesMax)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading configuration: %w", err)
	}
	if err := c.Parse(path, data); err != nil {
		return err
	}
	c.Files = append(c.Files, path)
	return nil
}

// Parse reads configuration text over c. Path is for messages.
func (c *Config) Parse(path string, data []byte) error {
	root, err := hcl.ParseBytes(data)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	list, ok := root.Node.(*ast.ObjectList)
	if !ok {
		return fmt.Errorf("%s: the file does not hold an object", path)
	}
	d := &decoder{path: path}
	d.object(reflect.ValueOf(c).Elem(), list, "")
	if len(d.problems) > 0 {
		return errors.Join(d.problems...)
	}
	return nil
}

// decoder writes an HCL 1 tree into structs by their hcl tags.
type decoder struct {
	path     string
	problems []error
}

func (d *decoder) fail(pos token.Pos, format string, args ...any) {
	d.problems = append(d.problems, fmt.Errorf("%s:%d,%d: %s", d.path, pos.Line, pos.Column, fmt.Sprintf(format, args...)))
}

// field is a member of a struct as files name it.
type field struct {
	v       reflect.Value
	label   bool // one block for each label
	replace bool // lists: later ones win
}

func fieldsOf(v reflect.Value, into map[string]field) map[string]field {
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag.Get("hcl")
		if tag == "" {
			continue
		}
		parts := strings.Split(tag, ",")
		if slices.Contains(parts, "inline") {
			fieldsOf(v.Field(i), into)
			continue
		}
		into[parts[0]] = field{v.Field(i), slices.Contains(parts, "label"), slices.Contains(parts, "replace")}
	}
	return into
}

func (d *decoder) object(v reflect.Value, list *ast.ObjectList, where string) {
	fields := fieldsOf(v, map[string]field{})
	replaced := map[string]bool{}
	for _, item := range list.Items {
		name, labels := keysOf(item)
		f, ok := fields[name]
		if !ok {
			d.fail(item.Pos(), "unknown key %q%s%s", name, where, suggest(name, fields))
			continue
		}
		inside := " in " + name
		switch {
		case f.label:
			d.labelled(f, name, labels, item, inside)
		case len(labels) > 0 && f.v.Kind() == reflect.Slice:
			d.blockList(f.v, item, labels)
		case len(labels) > 0:
			d.value(f, name, nested(item, 1), replaced, inside)
		default:
			d.value(f, name, item.Val, replaced, inside)
		}
	}
}

// tokenValue reads a literal. The library's own reader panics on numbers that
// its grammar takes and nothing can hold.
func tokenValue(t token.Token) (v any, err error) {
	defer func() {
		if r := recover(); r != nil {
			v, err = nil, fmt.Errorf("%s cannot be read: %v", t.Text, r)
		}
	}()
	return t.Value(), nil
}

// nested is an item's value inside the keys it has beyond the first n: the
// parser writes {"a": {"b": {"c": 1}}} as an item with several keys.
func nested(item *ast.ObjectItem, n int) ast.Node {
	inner := &ast.ObjectItem{Keys: item.Keys[n:], Val: item.Val}
	return &ast.ObjectType{Lbrace: item.Pos(), List: &ast.ObjectList{Items: []*ast.ObjectItem{inner}}}
}

// keysOf splits an item into its name and labels. JSON nests objects where HCL
// has labels; that is resolved where a label is wanted.
func keysOf(item *ast.ObjectItem) (string, []string) {
	var keys []string
	for _, k := range item.Keys {
		if v, err := tokenValue(k.Token); err == nil {
			keys = append(keys, fmt.Sprint(v))
		}
	}
	if len(keys) == 0 {
		return "", nil
	}
	return keys[0], keys[1:]
}

// labelled writes a block with a label into a map of blocks.
func (d *decoder) labelled(f field, name string, labels []string, item *ast.ObjectItem, where string) {
	obj, ok := item.Val.(*ast.ObjectType)
	ok = ok || len(labels) > 1
	if list, isList := item.Val.(*ast.ListType); isList {
		for _, e := range list.List {
			d.labelled(f, name, labels, &ast.ObjectItem{Keys: item.Keys, Val: e}, where)
		}
		return
	}
	if !ok {
		d.fail(item.Pos(), "%q must be a block", name)
		return
	}
	if len(labels) > 1 {
		obj = nested(item, 2).(*ast.ObjectType)
	}
	if len(labels) == 0 { // JSON: {"plugin": {"raw_exec": {...}}}
		for _, sub := range obj.List.Items {
			label, rest := keysOf(sub)
			d.labelled(f, name, append([]string{label}, rest...), sub, where)
		}
		return
	}
	if f.v.IsNil() {
		f.v.Set(reflect.MakeMap(f.v.Type()))
	}
	key := reflect.ValueOf(labels[0])
	if f.v.Type().Elem().Kind() == reflect.Map {
		m := merged(anyMap(f.v.MapIndex(key)), d.plain(obj).(map[string]any))
		f.v.SetMapIndex(key, reflect.ValueOf(m))
		return
	}
	target := f.v.MapIndex(key)
	if !target.IsValid() {
		target = reflect.New(f.v.Type().Elem().Elem())
		f.v.SetMapIndex(key, target)
	}
	d.object(target.Elem(), obj.List, where+" "+strconv.Quote(labels[0]))
}

// blockList appends a block with labels to a list of free-form blocks.
func (d *decoder) blockList(v reflect.Value, item *ast.ObjectItem, labels []string) {
	m, ok := d.plain(item.Val).(map[string]any)
	if !ok {
		d.fail(item.Pos(), "a block is needed here")
		return
	}
	m["provider"] = labels[0]
	v.Set(reflect.Append(v, reflect.ValueOf(m)))
}

var durationType = reflect.TypeFor[time.Duration]()

func (d *decoder) value(f field, name string, val ast.Node, replaced map[string]bool, where string) {
	v := f.v
	if v.Kind() == reflect.Pointer && v.Type().Elem().Kind() != reflect.Struct {
		p := reflect.New(v.Type().Elem())
		if d.scalar(p.Elem(), name, val) {
			v.Set(p)
		}
		return
	}
	switch {
	case v.Type() == durationType:
		d.scalar(v, name, val)
	case v.Kind() == reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		d.block(v.Elem(), name, val, where)
	case v.Kind() == reflect.Struct:
		d.block(v, name, val, where)
	case v.Kind() == reflect.Map:
		d.mapping(v, name, val)
	case v.Kind() == reflect.Slice:
		d.list(f, name, val, replaced)
	default:
		before := reflect.ValueOf(v.Interface())
		if d.scalar(v, name, val) && v.IsZero() {
			v.Set(before) // saying zero is saying nothing
		}
	}
}

func (d *decoder) block(v reflect.Value, name string, val ast.Node, where string) {
	switch n := val.(type) {
	case *ast.ObjectType:
		d.object(v, n.List, where)
	case *ast.ListType:
		for _, e := range n.List {
			d.block(v, name, e, where)
		}
	default:
		d.fail(val.Pos(), "%q must be a block", name)
	}
}

func (d *decoder) mapping(v reflect.Value, name string, val ast.Node) {
	if list, ok := val.(*ast.ListType); ok {
		for _, e := range list.List {
			d.mapping(v, name, e)
		}
		return
	}
	obj, ok := val.(*ast.ObjectType)
	if !ok {
		d.fail(val.Pos(), "%q must be a block or an object", name)
		return
	}
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	if v.Type().Elem().Kind() == reflect.Interface {
		v.Set(reflect.ValueOf(merged(anyMap(v), d.plain(obj).(map[string]any))))
		return
	}
	for _, item := range obj.List.Items {
		key, _ := keysOf(item)
		text := reflect.New(v.Type().Elem()).Elem()
		if d.scalar(text, name+"."+key, item.Val) {
			v.SetMapIndex(reflect.ValueOf(key), text)
		}
	}
}

func anyMap(v reflect.Value) map[string]any {
	if !v.IsValid() {
		return nil
	}
	m, _ := v.Interface().(map[string]any)
	return m
}

func merged(a, b map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range a {
		out[k] = v
	}
	for k, v := range b {
		out[k] = v
	}
	return out
}

func (d *decoder) list(f field, name string, val ast.Node, replaced map[string]bool) {
	if f.replace && !replaced[name] {
		f.v.SetZero()
		replaced[name] = true
	}
	elements := []ast.Node{val}
	if l, ok := val.(*ast.ListType); ok {
		elements = l.List
	}
	for _, e := range elements {
		item := reflect.New(f.v.Type().Elem()).Elem()
		if item.Kind() == reflect.Map {
			m, ok := d.plain(e).(map[string]any)
			if !ok {
				d.fail(e.Pos(), "%q must be a block", name)
				continue
			}
			item.Set(reflect.ValueOf(m))
		} else if !d.scalar(item, name, e) {
			continue
		}
		f.v.Set(reflect.Append(f.v, item))
	}
}

// scalar writes a literal; texts that hold numbers and bools are taken, as the
// HCL 1 dialect does.
func (d *decoder) scalar(v reflect.Value, name string, val ast.Node) bool {
	lit, ok := val.(*ast.LiteralType)
	if !ok {
		d.fail(val.Pos(), "%q needs %s", name, wanted(v))
		return false
	}
	said, err := tokenValue(lit.Token)
	text := fmt.Sprint(said)
	switch {
	case err != nil:
		text = lit.Token.Text
	case v.Type() == durationType:
		err = setDuration(v, lit.Token.Type, text)
	case v.Kind() == reflect.String:
		v.SetString(text)
	case v.Kind() == reflect.Bool:
		var b bool
		if b, err = strconv.ParseBool(text); err == nil {
			v.SetBool(b || v.Bool())
		}
	case v.Kind() == reflect.Int:
		var n int64
		if n, err = strconv.ParseInt(text, 10, 64); err == nil {
			v.SetInt(n)
		}
	case v.Kind() == reflect.Float64:
		var n float64
		if n, err = strconv.ParseFloat(text, 64); err == nil {
			v.SetFloat(n)
		}
	}
	if err != nil {
		d.fail(val.Pos(), "%q needs %s, got %q", name, wanted(v), text)
		return false
	}
	return true
}

func setDuration(v reflect.Value, t token.Type, text string) error {
	if t == token.NUMBER {
		n, err := strconv.ParseInt(text, 10, 64)
		v.SetInt(n)
		return err
	}
	if text == "" {
		return nil
	}
	p, err := time.ParseDuration(text)
	if err == nil && p != 0 {
		v.SetInt(int64(p))
	}
	return err
}

func wanted(v reflect.Value) string {
	switch {
	case v.Type() == durationType:
		return `a duration such as "30s"`
	case v.Kind() == reflect.Bool:
		return "true or false"
	case v.Kind() == reflect.Int, v.Kind() == reflect.Float64:
		return "a number"
	}
	return "a text"
}

// plain turns a tree into plain values.
func (d *decoder) plain(n ast.Node) any {
	switch n := n.(type) {
	case *ast.LiteralType:
		v, err := tokenValue(n.Token)
		if err != nil {
			d.fail(n.Pos(), "%s", err)
		}
		if i, ok := v.(int64); ok {
			return i
		}
		return v
	case *ast.ListType:
		out := []any{}
		for _, e := range n.List {
			out = append(out, d.plain(e))
		}
		return out
	case *ast.ObjectType:
		out := map[string]any{}
		for _, item := range n.List.Items {
			key, labels := keysOf(item)
			v := d.plain(item.Val)
			for i := len(labels) - 1; i >= 0; i-- {
				v = map[string]any{labels[i]: v}
			}
			// Repeated blocks become a list.
			switch old := out[key].(type) {
			case nil:
				out[key] = v
			case []any:
				out[key] = append(old, v)
			default:
				out[key] = []any{old, v}
			}
		}
		return out
	}
	return nil
}

// suggest names the nearest known key.
func suggest(name string, fields map[string]field) string {
	best, distance := "", 3
	for _, k := range slices.Sorted(maps.Keys(fields)) {
		if n := levenshtein.Distance(name, k, nil); n < distance {
			best, distance = k, n
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q?", best)
}
