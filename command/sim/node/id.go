package node

import "encoding/hex"

// key is the ID of an allocation, a UUID, as nodes hold it: its bytes. Keys have
// the order of the IDs.
type key [16]byte

const idLength = 36 // of a UUID as text

// idParts is where the parts of a UUID are in its text, and in its bytes.
var idParts = [...]struct{ text, bytes, length int }{{0, 0, 4}, {9, 4, 2}, {14, 6, 2}, {19, 8, 2}, {24, 10, 6}}

// keyOf reads an ID; false when that is none.
func keyOf(id string) (k key, ok bool) {
	if len(id) != idLength {
		return key{}, false
	}
	for i, p := range idParts {
		if i > 0 && id[p.text-1] != '-' {
			return key{}, false
		}
		for j := range p.length {
			high, low := digitOf(id[p.text+2*j]), digitOf(id[p.text+2*j+1])
			if high|low > 0xf {
				return key{}, false
			}
			k[p.bytes+j] = high<<4 | low
		}
	}
	return k, true
}

// digitOf is the value of a hexadecimal digit in lower case, more than 15 for
// what is none.
func digitOf(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	}
	return 0xff
}

// String is the ID.
func (k key) String() string {
	var text [idLength]byte
	for i, p := range idParts {
		if i > 0 {
			text[p.text-1] = '-'
		}
		hex.Encode(text[p.text:], k[p.bytes:p.bytes+p.length])
	}
	return string(text[:])
}
