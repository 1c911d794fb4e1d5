package jobfile

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Unwrap is the job of an object that has it as its member Job, or the object
// itself.
func Unwrap(body []byte) []byte {
	var outer map[string]json.RawMessage
	if json.Unmarshal(body, &outer) != nil {
		return body
	}
	for name, inner := range outer {
		if strings.EqualFold(name, "Job") && bytes.HasPrefix(bytes.TrimSpace(inner), []byte("{")) {
			return inner
		}
	}
	return body
}
