package jobspec

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// What work costs, in the bytes that the budget counts.
const (
	// bcryptCostShift makes the longest hash that is allowed as costly as the
	// largest value.
	bcryptCostShift = 11
	// partSize is a value made of a part of a text.
	partSize = 128
	// matchSteps is how many steps of matching cost one byte.
	matchSteps = 16
)

// estimate bounds from above how many bytes a call makes beyond its arguments,
// or refuses the call.
type estimate func(args []cty.Value) (int64, error)

// guarded makes a function refuse calls whose arguments or result would be out
// of bounds, before it does any work.
func guarded(f function.Function, m *meter, grows estimate) function.Function {
	return function.New(&function.Spec{
		Description: f.Description(),
		Params:      f.Params(),
		VarParam:    f.VarParam(),
		Type: func(args []cty.Value) (cty.Type, error) {
			if err := admit(args, m, grows); err != nil {
				return cty.NilType, err
			}
			return f.ReturnTypeForValues(args)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return f.Call(args) },
	})
}

// admit charges for the arguments of a call.
func admit(args []cty.Value, m *meter, grows estimate) error {
	total := int64(0)
	for _, arg := range args {
		size, fault := valueSize(arg)
		if fault != "" {
			return errors.New(fault)
		}
		total += size
	}
	if total > valueBytesMax {
		return fmt.Errorf("the arguments are larger than %d MiB", valueBytesMax>>20)
	}
	m.charge(total, nil)
	if grows == nil {
		return nil
	}
	size, err := grows(args)
	if err != nil {
		return err
	}
	if size > valueBytesMax {
		return fmt.Errorf("the result may be larger than %d MiB", valueBytesMax>>20)
	}
	m.charge(size, nil)
	return nil
}

// growth is the estimate of functions whose result can be larger, or whose
// work can be longer, than their arguments; nil for the others.
func growth(name string) estimate {
	switch name {
	case "format", "formatlist":
		return growFormat
	case "indent":
		return growIndent
	case "join":
		return growJoin
	case "split":
		return growSplit
	case "replace":
		return growReplace
	case "regex_replace":
		return growRegexReplace
	case "setproduct":
		return growProduct
	case "distinct":
		return growDistinct
	case "jsondecode", "csvdecode":
		return growDocument
	case "yamldecode":
		return growYAML
	case "bcrypt":
		return growBcrypt
	}
	return nil
}

// text is a known string argument, or "".
func text(args []cty.Value, i int) string {
	if i >= len(args) || args[i].IsNull() || !args[i].IsKnown() || args[i].Type() != cty.String {
		return ""
	}
	return args[i].AsString()
}

// number is a known whole argument, or 0.
func number(args []cty.Value, i int) int64 {
	if i >= len(args) || args[i].IsNull() || !args[i].IsKnown() || args[i].Type() != cty.Number {
		return 0
	}
	n, _ := args[i].AsBigFloat().Int64()
	return n
}

// growFormat bounds the width and precision of verbs, which pad.
func growFormat(args []cty.Value) (int64, error) {
	spec := text(args, 0)
	size := int64(0)
	for {
		_, rest, found := strings.Cut(spec, "%")
		if !found {
			return size * elements(args[1:]), nil
		}
		end := strings.IndexFunc(rest, func(r rune) bool { return unicode.IsLetter(r) || r == '%' })
		if end < 0 {
			end = len(rest)
		}
		for _, digits := range strings.FieldsFunc(rest[:end], func(r rune) bool { return !unicode.IsDigit(r) }) {
			width := int64(0)
			for _, r := range digits {
				if width = width*10 + int64(r-'0'); width > formatWidthMax {
					return 0, fmt.Errorf("width and precision may be at most %d", formatWidthMax)
				}
			}
			size += width
		}
		spec = rest[min(end+1, len(rest)):]
		// A verb may write any argument, however often it is named.
		for _, arg := range args[1:] {
			n, _ := valueSize(arg)
			size += n
		}
	}
}

// elements is the length of the longest list among the arguments, at least 1.
func elements(args []cty.Value) int64 {
	longest := 1
	for _, arg := range args {
		if arg.IsKnown() && !arg.IsNull() && isList(arg.Type()) {
			longest = max(longest, arg.LengthInt())
		}
	}
	return int64(longest)
}

func growIndent(args []cty.Value) (int64, error) {
	spaces := number(args, 0)
	if spaces < 0 || spaces > formatWidthMax {
		return 0, fmt.Errorf("the indent must be 0 to %d spaces", formatWidthMax)
	}
	return spaces * int64(strings.Count(text(args, 1), "\n")), nil
}

func growJoin(args []cty.Value) (int64, error) {
	n := int64(0)
	for _, arg := range args[1:] {
		n += elements([]cty.Value{arg})
	}
	return n * int64(len(text(args, 0))), nil
}

func growSplit(args []cty.Value) (int64, error) {
	return int64(strings.Count(text(args, 1), text(args, 0))) * partSize, nil
}

func growReplace(args []cty.Value) (int64, error) {
	return int64(strings.Count(text(args, 0), text(args, 1))) * int64(len(text(args, 2))), nil
}

// growRegexReplace counts the matches; each reference in the replacement may
// stand for all of them. Matching takes a step per instruction of the compiled
// expression and byte of the text.
func growRegexReplace(args []cty.Value) (int64, error) {
	subject, replacement := text(args, 0), text(args, 2)
	parsed, err := syntax.Parse(text(args, 1), syntax.Perl)
	if err != nil {
		return 0, fmt.Errorf("invalid regular expression: %w", err)
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return 0, fmt.Errorf("invalid regular expression: %w", err)
	}
	steps := int64(len(program.Inst)) * int64(len(subject)) / matchSteps
	if steps > valueBytesMax {
		return steps, nil
	}
	pattern, err := regexp.Compile(text(args, 1))
	if err != nil {
		return 0, fmt.Errorf("invalid regular expression: %w", err)
	}
	matches := int64(len(pattern.FindAllStringIndex(subject, -1)))
	references := int64(strings.Count(replacement, "$"))
	return steps + matches*int64(len(replacement)) + int64(len(subject))*references, nil
}

// growDistinct charges for comparing every element with every other.
func growDistinct(args []cty.Value) (int64, error) {
	n := elements(args)
	return n * n, nil
}

func growProduct(args []cty.Value) (int64, error) {
	n := int64(1)
	for _, arg := range args {
		if !arg.IsKnown() || arg.IsNull() || !isList(arg.Type()) {
			return 0, nil
		}
		if n *= int64(arg.LengthInt()); n > valueBytesMax/elementSize {
			break
		}
	}
	return n * elementSize * int64(len(args)+1), nil
}

// growDocument counts the separators of a document, and refuses one that nests
// too deep to be read safely.
func growDocument(args []cty.Value) (int64, error) {
	doc := text(args, 0)
	depth, deepest, parts := 0, 0, int64(0)
	for _, c := range []byte(doc) {
		switch c {
		case '[', '{':
			depth++
			deepest = max(deepest, depth)
		case ']', '}':
			depth = max(depth-1, 0)
		case ',', '\n':
			parts++
		}
	}
	for line := range strings.Lines(doc) {
		content := strings.TrimLeft(line, " -?:")
		deepest = max(deepest, (len(line)-len(content))/2)
	}
	if deepest > nestingMax {
		return 0, fmt.Errorf("the document nests more than %d levels deep", nestingMax)
	}
	return parts * partSize, nil
}

// growYAML bounds documents whose anchors contain aliases of other anchors: at
// worst each multiplies what it refers to.
func growYAML(args []cty.Value) (int64, error) {
	size, err := growDocument(args)
	if err != nil {
		return 0, err
	}
	anchors, aliases := map[string]bool{}, 0
	doc := text(args, 0)
	for _, word := range strings.FieldsFunc(doc, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(",[]{}", r) }) {
		switch {
		case word[0] == '&':
			anchors[word[1:]] = true
		case word[0] == '*' && anchors[word[1:]]:
			aliases++
		}
	}
	size += int64(len(doc))
	for range anchors {
		if size > valueBytesMax {
			break
		}
		size *= int64(1 + (aliases+len(anchors)-1)/len(anchors))
	}
	return size, nil
}

// growBcrypt bounds the time a hash takes, and charges for time as for bytes.
func growBcrypt(args []cty.Value) (int64, error) {
	cost := int64(10)
	if len(args) > 1 {
		cost = number(args, 1)
	}
	if cost > bcryptCostMax {
		return 0, fmt.Errorf("the cost may be at most %d", bcryptCostMax)
	}
	return int64(1) << max(cost+bcryptCostShift, 0), nil
}
