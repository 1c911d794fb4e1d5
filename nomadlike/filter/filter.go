// Package filter evaluates the filter expressions of list routes against
// stored objects. Endpoints call it for every object of a page; field names are
// those of the nouns. The grammar is that of go-bexpr.
package filter

import (
	"github.com/hashicorp/go-bexpr"

	"github.com/nomadlike/nomadlike/nomadlike"
)

// Bounds of an expression: reading one backtracks, so that nesting costs much
// more than length.
const (
	expressionBytesMax = 64 << 10
	parseStepsMax      = 2_000_000 // about a second
)

// Filter is a compiled expression. It may be used by several goroutines.
type Filter struct {
	evaluator *bexpr.Evaluator
}

// Compile reads an expression; the empty one matches everything. Its errors, and
// those of Match, are what follows the route's own words in an answer.
func Compile(expression string) (*Filter, error) {
	if expression == "" {
		return &Filter{}, nil
	}
	if len(expression) > expressionBytesMax {
		return nil, nomadlike.Errorf(nomadlike.CodeInvalid,
			"failed to read filter expression: it has %d bytes, more than the %d allowed", len(expression), expressionBytesMax)
	}
	e, err := bexpr.CreateEvaluator(expression, bexpr.WithMaxExpressions(parseStepsMax))
	if err != nil {
		return nil, nomadlike.Errorf(nomadlike.CodeInvalid, "failed to read filter expression: %v", err)
	}
	return &Filter{evaluator: e}, nil
}

// Match tells whether the object passes. A selector that the object does not
// have is an error.
func (f *Filter) Match(object any) (bool, error) {
	if f == nil || f.evaluator == nil {
		return true, nil
	}
	ok, err := f.evaluator.Evaluate(object)
	if err != nil {
		return false, &nomadlike.Error{Code: nomadlike.CodeInvalid, Text: err.Error()}
	}
	return ok, nil
}
