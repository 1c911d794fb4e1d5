package endpoint

import (
	"iter"
	"strconv"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/filter"
)

// pager cuts a list into pages. token names an item: the one a page starts
// with is the next token of the page before it.
type pager[T any] struct {
	opts  *nl.QueryOptions
	token func(T) string
	// ordered tells that tokens rise with the sequence, so that a token whose
	// item has gone still finds its place.
	ordered bool
	less    func(a, b string) bool // nil: as strings
	// keep drops items before they count; nil keeps all.
	keep func(T) bool
}

// page collects one page of seq.
func (p pager[T]) page(seq iter.Seq[T], meta *nl.QueryMeta) ([]T, error) {
	match := func(T) (bool, error) { return true, nil }
	if p.opts.Filter != "" {
		f, err := filter.Compile(p.opts.Filter)
		if err != nil {
			return nil, nl.Errorf(nl.CodeInvalid, "failed to create result paginator: %s", trimPaginator(err.Error()))
		}
		match = func(v T) (bool, error) { return f.Match(v) }
	}
	if p.opts.Reverse {
		seq = reversed(seq)
	}
	less := p.less
	if less == nil {
		less = func(a, b string) bool { return a < b }
	}
	meta.NextToken = ""
	out := []T{}
	seeking := p.opts.NextToken != ""
	for v := range seq {
		if p.keep != nil && !p.keep(v) {
			continue
		}
		if seeking {
			t := p.token(v)
			if p.opts.Reverse && less(p.opts.NextToken, t) || !p.opts.Reverse && less(t, p.opts.NextToken) {
				continue
			}
			seeking = false
		}
		ok, err := match(v)
		if err != nil {
			return nil, nl.Errorf(nl.CodeInvalid, "failed to read result page: %s", err)
		}
		if !ok {
			continue
		}
		if n := p.opts.PerPage; n != 0 && len(out) >= max(n, 0) {
			meta.NextToken = p.token(v)
			break
		}
		out = append(out, v)
	}
	return out, nil
}

const paginatorPrefix = "failed to create result paginator: "

// trimPaginator keeps the prefix from appearing twice.
func trimPaginator(s string) string {
	for len(s) > len(paginatorPrefix) && s[:len(paginatorPrefix)] == paginatorPrefix {
		s = s[len(paginatorPrefix):]
	}
	return s
}

// reversed runs a sequence backwards.
func reversed[T any](seq iter.Seq[T]) iter.Seq[T] {
	return func(yield func(T) bool) {
		var all []T
		for v := range seq {
			all = append(all, v)
		}
		for i := len(all) - 1; i >= 0; i-- {
			if !yield(all[i]) {
				return
			}
		}
	}
}

// filtered drops what keep refuses.
func filtered[T any](seq iter.Seq[T], keep func(T) bool) iter.Seq[T] {
	return func(yield func(T) bool) {
		for v := range seq {
			if keep(v) && !yield(v) {
				return
			}
		}
	}
}

// createToken is the token of lists by creation, createIndex.id, padded so
// that tokens rise as strings do when compared by createLess.
func createToken(index uint64, id string) string {
	return strconv.FormatUint(index, 10) + "." + id
}

// createLess compares two such tokens. One that is not such a token comes
// after all.
func createLess(a, b string) bool {
	ai, as, ok := splitCreate(a)
	if !ok {
		return false
	}
	bi, bs, ok := splitCreate(b)
	if !ok {
		return true
	}
	if ai != bi {
		return ai < bi
	}
	return as < bs
}

func splitCreate(token string) (index uint64, id string, ok bool) {
	digits, id, ok := strings.Cut(token, ".")
	if !ok || id == "" {
		return 0, "", false
	}
	index, err := strconv.ParseUint(digits, 10, 64)
	return index, id, err == nil
}

// namespaceOf is the namespace a request means.
func namespaceOf(ns string) string {
	if ns == "" {
		return nl.DefaultNamespace
	}
	return ns
}
