package spell

import "testing"

func TestHint(t *testing.T) {
	known := []string{"exponential", "constant", "=", "!=", "is_set", "is_not_set", "tcp"}
	for given, want := range map[string]string{
		"exponentail": ` Did you mean "exponential"?`,
		"costant":     ` Did you mean "constant"?`,
		"isset":       ` Did you mean "is_set"?`,
		"Constant":    ` Did you mean "constant"?`,
		"expo":        ` Did you mean "exponential"?`,
		"is_":         "",
		"tpc":         ` Did you mean "tcp"?`,
		"ct":          "",
		"zzz":         "",
		"~":           "",
		"":            "",
	} {
		if got := Hint(given, known); got != want {
			t.Errorf("Hint(%q) = %q, want %q", given, got, want)
		}
	}
}
