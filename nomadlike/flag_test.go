package nomadlike

import (
	"encoding/json"
	"testing"
)

// Flags come back as they were, and show what a pointer to a bool would.
func TestFlag(t *testing.T) {
	yes, no := true, false
	for f, like := range map[Flag]*bool{Absent: nil, No: &no, Yes: &yes} {
		text, err := json.Marshal(f)
		want, _ := json.Marshal(like)
		if err != nil || string(text) != string(want) {
			t.Errorf("%d: %v, %s instead of %s", f, err, text, want)
		}
		back := Flag(7)
		if err := json.Unmarshal(text, &back); err != nil && text[0] != 'n' || text[0] != 'n' && back != f {
			t.Errorf("%d: %v, read as %d", f, err, back)
		}
		b, err := f.MarshalCBOR()
		if err == nil {
			err = back.UnmarshalCBOR(b)
		}
		if err != nil || back != f {
			t.Errorf("%d: %v, read as %d", f, err, back)
		}
	}
	var f Flag
	if err := json.Unmarshal([]byte("1"), &f); err == nil {
		t.Error("a number was taken")
	}
	for _, b := range []string{"", "\x01", "\xf5\xf5"} {
		if err := f.UnmarshalCBOR([]byte(b)); err == nil {
			t.Errorf("%q was taken", b)
		}
	}
	if FlagOf(true) != Yes || FlagOf(false) != No {
		t.Error("FlagOf")
	}
}
