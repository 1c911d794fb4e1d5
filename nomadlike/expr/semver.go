package expr

import (
	"fmt"
	"strings"

	version "github.com/hashicorp/go-version"
)

// semverRule is one bound on a semantic version.
type semverRule struct {
	operator string
	version  *version.Version
}

// parseSemver reads a comma separated list of bounds. Versions must be semantic
// ones, and pre-releases are ordered like any other version.
func parseSemver(text string) ([]semverRule, error) {
	var rules []semverRule
	for _, part := range strings.Split(text, ",") {
		part = strings.TrimSpace(part)
		operator := ""
		for _, candidate := range []string{">=", "<=", "!=", ">", "<", "="} {
			if strings.HasPrefix(part, candidate) {
				operator = candidate
				break
			}
		}
		v, err := version.NewSemver(strings.TrimSpace(strings.TrimPrefix(part, operator)))
		if err != nil {
			return nil, fmt.Errorf("semver constraint %q is invalid: %w", text, err)
		}
		if operator == "" {
			operator = "="
		}
		rules = append(rules, semverRule{operator: operator, version: v})
	}
	return rules, nil
}

// satisfies tells whether the version keeps every bound.
func satisfies(v *version.Version, rules []semverRule) bool {
	for _, r := range rules {
		c := v.Compare(r.version)
		ok := false
		switch r.operator {
		case "=":
			ok = c == 0
		case "!=":
			ok = c != 0
		case ">":
			ok = c > 0
		case ">=":
			ok = c >= 0
		case "<":
			ok = c < 0
		case "<=":
			ok = c <= 0
		}
		if !ok {
			return false
		}
	}
	return true
}
